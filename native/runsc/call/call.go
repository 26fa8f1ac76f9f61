package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	// Beyond what the host agent waits.
	patience = 150 * time.Second
	// A sentry is a guest's neighbour: it is not believed to be brief.
	replyBytes = 64 << 10
	errorBytes = 1000
)

type file struct {
	Path string `json:"path"`
	// Create: made new, and written; else read.
	Create bool `json:"create"`
}

// What goes over the wire is gVisor's: pkg/urpc.
type outgoing struct {
	Method string          `json:"method"`
	Arg    json.RawMessage `json:"arg"`
}

type incoming struct {
	Success bool   `json:"success"`
	Err     string `json:"err"`
}

// call makes one call and waits for its end.
func call(asked request) error {
	files, err := openAll(asked.Files)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err != nil {
		return err
	}
	connection, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: asked.Socket, Net: "unix"})
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	text, err := json.Marshal(outgoing{asked.Method, asked.Arg})
	if err != nil {
		return err
	}
	var descriptors []int
	for _, f := range files {
		descriptors = append(descriptors, int(f.Fd()))
	}
	var rights []byte
	if len(descriptors) > 0 {
		rights = syscall.UnixRights(descriptors...)
	}
	// The descriptors go with the first piece.
	sent, _, err := connection.WriteMsgUnix(text, rights, nil)
	if err == nil && sent < len(text) {
		_, err = connection.Write(text[sent:])
	}
	if err != nil {
		return err
	}
	var reply incoming
	if err := json.NewDecoder(io.LimitReader(connection, replyBytes)).Decode(&reply); err != nil {
		return fmt.Errorf("the sandbox did not answer: %w", err)
	}
	if !reply.Success {
		return errors.New(reply.Err[:min(len(reply.Err), errorBytes)])
	}
	return nil
}

func openAll(asked []file) ([]*os.File, error) {
	var files []*os.File
	for _, one := range asked {
		flags := os.O_RDONLY
		if one.Create {
			flags = os.O_RDWR | os.O_CREATE | os.O_EXCL
		}
		f, err := os.OpenFile(one.Path, flags, 0o600)
		if err != nil {
			return files, err
		}
		files = append(files, f)
	}
	return files, nil
}
