package drivertest

import (
	"context"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"time"
)

// Budget is how much time a run may take.
type Budget int

const (
	// Quick takes about five seconds for a local driver.
	Quick Budget = iota
	// Standard takes about a minute for a local driver.
	Standard
	// Long takes as long as 5 GiB objects and thousands of rounds need.
	Long
)

func (b Budget) String() string { return [...]string{"quick", "standard", "long"}[b] }

// Config says what is known of a driver. The zero value is a strict local driver.
type Config struct {
	// Prefix is the directory that the suite works in; everything it writes is below
	// Prefix/<run>. Empty: /drivertest.
	Prefix string
	// Exclusive says that the store is empty and belongs to the suite, so that rules about the
	// root can be judged. Run and RunStore open a fresh store for each rule and don't need it.
	Exclusive bool
	// Seed makes a run repeatable. 0: a new one, printed in the report.
	Seed uint64
	// Budget bounds the work of the rules that repeat something.
	Budget Budget
	// Only selects rules by comma-free globs over their ids ("WALK-*"). Empty: all.
	Only []string
	// Strict makes a broken SHOULD fail the run.
	Strict bool
	// Parallel is how many rules Run judges at once. 0: one for each processor, at most four.
	Parallel int
	// CallTimeout is how long one call of the driver may take before it counts as hanging.
	// 0: 30 s.
	CallTimeout time.Duration

	// SkipDir and FilledBuffer are the driver's sentinels for a Walk callback. Without them the
	// rules about them are inconclusive.
	SkipDir, FilledBuffer error
	// Errors recognises the driver's error kinds.
	Errors Errors
	// Limits are the limits of the driver and its back-end.
	Limits Limits
	// Semantics declares where the driver is laxer than a strict local one.
	Semantics Semantics
	// Consistency says how late effects may become visible.
	Consistency Consistency
	// Waivers are the rules that the driver is known to break.
	Waivers []Waiver
	// Hooks let the suite do what no method of a driver can do.
	Hooks Hooks
	// Logf receives progress and what was probed. nil: nowhere (Run: the test's log).
	Logf func(format string, args ...any)
	// Now is the clock that waivers expire by. nil: time.Now.
	Now func() time.Time
}

// Errors recognises error kinds. A nil function falls back on the name and the fields of a type
// in the error's chain: PathNotFoundError{Path, DriverName}, InvalidPathError{Path, DriverName},
// InvalidOffsetError{Path, Offset, DriverName}.
type Errors struct {
	// NotFound returns the path that a path-not-found error names.
	NotFound func(error) (path string, ok bool)
	// InvalidPath returns the path that an invalid-path error names.
	InvalidPath func(error) (path string, ok bool)
	// InvalidOffset returns the path and the offset that an invalid-offset error names.
	InvalidOffset func(error) (path string, offset int64, ok bool)
}

// Limits are sizes in bytes, and counts. Zero means the default that stands at each.
type Limits struct {
	// MinPart is the smallest part of an upload that isn't the last. 0: no such limit is known.
	MinPart int64
	// MaxObject is the largest object. 0: unlimited.
	MaxObject int64
	// MaxComponent is the longest component of a path. 0: 255.
	MaxComponent int
	// MaxPath is the longest path. 0: 1024.
	MaxPath int
	// PageSize is how many entries a page of a listing of the back-end holds. 0: 1000.
	PageSize int
	// StreamHeap is the heap that one stream may use, whatever its size.
	// 0: 128 MiB.
	StreamHeap int64
}

// Semantics are declarations that a driver is laxer than the strict reading. Each is tested: one
// that the probe contradicts fails the run, and one that is missing makes its rule fail.
type Semantics struct {
	// GhostDirs: a directory stays when its last entry is gone (LIST-14).
	GhostDirs bool
	// Coexist: an object and a directory may share one path (PATH-13).
	Coexist bool
	// EarlyVisible: bytes can be seen before Commit (WRIT-02, WRIT-04, WRIT-09, CRSH-02).
	EarlyVisible bool
	// AppendCreates: Writer with append on a missing path starts an upload (RESU-06).
	AppendCreates bool
	// ByteOrder: Walk sorts whole paths by byte, not by component (WALK-05).
	ByteOrder bool
	// FoldsCase: paths that differ in case alone are one path (PATH-09).
	FoldsCase bool
	// Volatile: a new handle after the last one is gone starts empty (FAC-03). Not probed.
	Volatile bool
	// WeakDelete: two racing deletes may both report success (LINZ-01). Not probed.
	WeakDelete bool
	// WeakMove: a Move copies and then deletes, so that for a while both paths show the object,
	// and a write to either in between may be lost (LINZ-03). Not probed.
	WeakMove bool
}

// Consistency holds windows: how long after a call its effect may stay invisible. Zero means at
// once.
type Consistency struct {
	// Write: content and Stat after a write. List: List and Walk after a write.
	// Delete: everything after a delete or a move away.
	Write, List, Delete time.Duration
}

// Waiver says that a rule is known to be broken. The rule is judged all the same: one that passes,
// an expired one, one without a reason and one for a rule that isn't there fail as stale.
type Waiver struct {
	ID     string
	Reason string
	// Until is the first day on which the waiver no longer holds.
	Until time.Time
}

// Hooks reach under the driver. Each may be nil; rules that need it are then inconclusive. Those
// that open a store may return errors.ErrUnsupported: what they are for can't be had there.
type Hooks struct {
	// Reopen opens the store at a location, in any process: the same location gives the same
	// store. The location is the path of a directory that exists and is private to the call; a
	// driver that keeps no files may use it as a unique name.
	Reopen func(location string) (Target, error)
	// Worker returns a command that runs [Work] with the given job in another process. Run sets
	// it to the test binary itself.
	Worker func(job string) *exec.Cmd
	// Fault opens a fresh store whose back-end fails as told, from Arm to Disarm. It returns
	// errors.ErrUnsupported for a fault it can't produce.
	Fault func(kind Fault) (Faulty, error)
	// Rooted opens a driver over one shared back-end with the given root directory; new starts
	// a fresh back-end.
	Rooted func(root string, fresh bool) (Target, error)
	// Wrapped opens a fresh store through the author's stack of middleware.
	Wrapped func() (Target, error)
	// Misplaced opens the driver on a bucket or root that isn't there.
	Misplaced func() (Target, error)
	// Limited opens a fresh store with the driver's concurrency limit as given.
	Limited func(limit int) (Target, error)
	// Chunked opens a fresh store with the given part size.
	Chunked func(size int64) (Target, error)
	// Parts returns the sizes of the parts that the last commit of path was made of.
	Parts func(path string) ([]int64, error)
	// Metered opens a fresh store that counts the calls to its back-end, of which the driver may
	// make so many at once; 0: as many as it likes. It returns errors.ErrUnsupported for a limit
	// that the driver can't be given.
	Metered func(limit int) (Metered, error)
	// Inspect opens a fresh store whose back-end can be looked into.
	Inspect func() (Inspected, error)
	// Lossy opens a fresh store on a medium that loses in a power cut what was not flushed.
	Lossy func() (Lossy, error)
	// Spread opens a fresh store in which what lies below the directory path is on another file
	// system, or volume, than the rest.
	Spread func(path string) (Target, error)
	// Residue lists what unfinished uploads left in the back-end, by whatever name.
	Residue func() ([]string, error)
	// Marker puts a zero-byte object named path plus "/" into the back-end, as other tools do.
	Marker func(path string) error
	// Sparse places an object of the given size, all zeros, without writing it.
	Sparse func(path string, size int64) error
	// Secrets are strings that no error text may hold.
	Secrets []string
	// Fetch sends a request to a redirect. nil: http.DefaultClient. It exists for back-ends
	// with self-signed certificates.
	Fetch Doer
	// Goroutines are substrings of stacks that a leak check passes over.
	Goroutines []string
}

// Fault is a way for a back-end to fail.
type Fault string

const (
	// NoSpace: the disk or quota is full.
	NoSpace Fault = "no-space"
	// Unavailable: every call fails (500, 503, EIO).
	Unavailable Fault = "unavailable"
	// Flaky: two calls fail as unavailable, then one succeeds, and so on.
	Flaky Fault = "flaky"
	// Truncated: bodies end early.
	Truncated Fault = "truncated"
	// LostReply: a call is applied and its answer lost, every other time.
	LostReply Fault = "lost-reply"
	// SecondPage: the second page of each listing fails.
	SecondPage Fault = "second-page"
	// Forbidden: every call is refused (403, EACCES).
	Forbidden Fault = "forbidden"
	// ReadOnly: writes are refused (EROFS).
	ReadOnly Fault = "read-only"
	// Stalled: the server answers nothing.
	Stalled Fault = "stalled"
	// Slow: 1 KiB a second.
	Slow Fault = "slow"
	// SyncFails: flushing to stable storage fails.
	SyncFails Fault = "sync-fails"
	// Corrupt: one byte of each body is flipped in transit.
	Corrupt Fault = "corrupt"
	// NoDescriptors: no more descriptors or connections.
	NoDescriptors Fault = "no-descriptors"
)

// Faulty is a store whose back-end can be told to fail.
type Faulty struct {
	Target Target
	// Arm starts the fault, Disarm ends it.
	Arm, Disarm func()
	// Close releases the back-end. It may be nil.
	Close func()
}

func (c Config) withDefaults() Config {
	if c.Prefix == "" {
		c.Prefix = "/drivertest"
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64()>>1 + 1
	}
	if c.Parallel <= 0 {
		c.Parallel = min(runtime.GOMAXPROCS(0), 4)
	}
	if c.CallTimeout <= 0 {
		c.CallTimeout = 30 * time.Second
	}
	if c.Logf == nil {
		c.Logf = func(string, ...any) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Limits = c.Limits.withDefaults()
	return c
}

func (l Limits) withDefaults() Limits {
	if l.MaxComponent == 0 {
		l.MaxComponent = 255
	}
	if l.MaxPath == 0 {
		l.MaxPath = 1024
	}
	if l.PageSize == 0 {
		l.PageSize = 1000
	}
	if l.StreamHeap == 0 {
		l.StreamHeap = 128 << 20
	}
	return l
}

// detached is a context for clean-up, which goes on when the run is interrupted.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}
