package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"gvisor.dev/gvisor/pkg/seccomp/precompiledseccomp"
	"gvisor.dev/gvisor/runsc/boot/filter/config"
)

const (
	filtersFile      = "runsc/boot/filter/pandastack_programs.go"
	registerFunction = "registerPandastackPrograms"
)

// writeFilters compiles the sentry's seccomp filters and writes them as Go source. A sentry that finds its filter among
// them need not compile it at every start, which is 40 ms.
func writeFilters(path string) (int, error) {
	all, err := config.PrecompiledPrograms()
	if err != nil {
		return 0, err
	}
	var source bytes.Buffer
	fmt.Fprintf(&source, "package filter\n\nimport %q\n\n", "gvisor.dev/gvisor/pkg/seccomp/precompiledseccomp")
	fmt.Fprintf(&source, "func %s(programs map[string]precompiledseccomp.Program) {\n", registerFunction)
	count := 0
	for _, program := range all {
		if isNeeded(program) {
			source.WriteString(program.Registration("\t", "precompiledseccomp", "programs"))
			source.WriteByte('\n')
			count++
		}
	}
	source.WriteString("}\n")
	if count == 0 {
		return 0, errors.New("gVisor has no seccomp program for systrap without accelerators: their names have changed")
	}
	return count, os.WriteFile(path, source.Bytes(), 0o644)
}

// isNeeded: of the platform that runs everywhere, and without the accelerators that no sandbox is given.
func isNeeded(program precompiledseccomp.Program) bool {
	if !strings.Contains(program.Name, `Platform="systrap"`) {
		return false
	}
	for _, accelerator := range []string{"NVProxy", "TPUProxy", "RDMAProxy"} {
		if strings.Contains(program.Name, accelerator+"=true") {
			return false
		}
	}
	return true
}
