// Call makes calls to sentries for a host agent that cannot hand over open files itself: one small process, started once,
// instead of a whole runsc for every restore and checkpoint.
//
// Each line on standard input is a request, each line on standard output the answer to one, in the order in which they end.
// It ends with its standard input. Its arguments say whose it is, to who looks at processes.
package main

import (
	"bufio"
	"encoding/json"
	"io"
	"log"
	"os"
	"sync"
)

// request: `Files` are opened in this order and handed over with the call.
type request struct {
	ID     uint64          `json:"id"`
	Socket string          `json:"socket"`
	Method string          `json:"method"`
	Arg    json.RawMessage `json:"arg"`
	Files  []file          `json:"files"`
}

type answer struct {
	ID uint64 `json:"id"`
	// Error: empty where all went well.
	Error string `json:"error"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("call: ")
	in := bufio.NewReader(os.Stdin)
	var turn sync.Mutex
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			log.Fatal(err)
		}
		go func() {
			said := answer{ID: asked.ID}
			if err := call(asked); err != nil {
				said.Error = err.Error()
			}
			turn.Lock()
			defer turn.Unlock()
			if err := out.Encode(said); err != nil {
				log.Fatal(err)
			}
		}()
	}
}
