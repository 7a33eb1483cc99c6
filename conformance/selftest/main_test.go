package selftest

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain collects garbage less often: hundreds of runs leave a lot, each at
// its end.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
