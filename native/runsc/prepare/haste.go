package main

import (
	_ "embed"
	"os"
	"path/filepath"
)

//go:embed haste/haste.go
var hasteSource []byte

// addHaste puts a package of ours into the module, for the edits to call.
func addHaste(root string) error {
	folder := filepath.Join(root, "runsc/pandastack/haste")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "haste.go"), hasteSource, 0o644)
}
