package main

import (
	"runtime"
	"syscall"
)

// hugeHeap is how much of the heap of a memory store may be in huge pages. The
// heap gives it in pieces: one that it has used before it clears, and so touches.
const (
	hugeHeap  = 256 << 20
	hugePiece = 4 << 20
)

// adviseHugePages lets the heap have huge pages up to so many bytes, where the
// kernel gives those to who asks alone. The heap of a memory store grows with each
// push, and every 4 KiB of it would cost a fault. It asks for room and gives it
// back to the heap, which uses no memory for it before it holds something.
func adviseHugePages(limit int64) {
	var room [][]byte
	for range min(limit, hugeHeap) / hugePiece {
		piece := make([]byte, hugePiece)
		room = append(room, piece)
		_ = syscall.Madvise(piece, syscall.MADV_HUGEPAGE) // a kernel without them has nothing to give
	}
	runtime.KeepAlive(room)
	// The next collection is not to wait until twice as much is in use.
	runtime.GC()
}
