// Package haste keeps Go's garbage collector out of the way while somebody waits: a process that has just started, and a
// sandbox that is being restored, allocate some ten megabytes in some ten milliseconds and let go of little. Collecting them
// meanwhile took a third of the processor's time that a restore had. It is done once, a moment later.
package haste

import (
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// Most commands have ended by then, and a sandbox waits for its guest.
	startTime = 2 * time.Second
	// Its caller has had its answer, and the first command's, by then.
	calmTime = 700 * time.Millisecond
	// A process that allocates more than this is not in haste.
	limitBytes    = 96 << 20
	usualPercent  = 100
	noCollections = -1
)

var (
	mu sync.Mutex
	// How many are in haste, or were until a moment ago.
	hurrying int
)

func init() {
	// Profiles of the heap are nobody's here.
	runtime.MemProfileRate = 0
	Begin()
	endAfter(startTime)
}

// Begin puts collections off, until as many calls of End.
func Begin() {
	mu.Lock()
	defer mu.Unlock()
	hurrying++
	debug.SetMemoryLimit(limitBytes)
	debug.SetGCPercent(noCollections)
}

// End lets collections go on, and catches up on them, in a moment.
func End() { endAfter(calmTime) }

func endAfter(moment time.Duration) {
	time.AfterFunc(moment, func() {
		mu.Lock()
		defer mu.Unlock()
		hurrying--
		if hurrying > 0 {
			return
		}
		debug.SetMemoryLimit(math.MaxInt64)
		debug.SetGCPercent(usualPercent)
		// What a process that now rests has no use for is the host's.
		debug.FreeOSMemory()
	})
}
