"""The Python kernel: runs cells in one `__main__`, in the main thread, where SIGINT becomes KeyboardInterrupt."""

import os
import sys


def main():
    control = int(sys.argv.pop())
    os.set_inheritable(control, False)
    sys.path[0:1] = [""]
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    from cells import Cells
    from control import Control

    Cells(Control(control)).serve()


main()
