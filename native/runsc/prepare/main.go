// Prepare turns a fresh copy of the gVisor module into the one that runsc is built from: see ../README.md.
//
//	go run ./prepare FOLDER
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("prepare: ")
	if len(os.Args) != 2 {
		log.Fatal("one argument: the folder with the copy of the gVisor module")
	}
	root := os.Args[1]
	programs, err := writeFilters(filepath.Join(root, filtersFile))
	if err != nil {
		log.Fatal(err)
	}
	if err := addHaste(root); err != nil {
		log.Fatal(err)
	}
	for _, edit := range edits {
		if err := edit.apply(root); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%d seccomp programs, %d edits\n", programs, len(edits))
}
