class Refusal(Exception):
    """The caller can act on it. `code` is what programs go by; the control plane knows each."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = message
