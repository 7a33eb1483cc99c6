// Package drivertest tells the author of a storage driver whether the driver keeps its promises.
//
// It needs the standard library alone and imports no driver. [Run] takes any type that has the
// method set of CNCF distribution v3's StorageDriver, whatever package its types come from:
//
//	func TestDriver(t *testing.T) {
//		drivertest.Run(t, func(tb testing.TB) *mydriver.Driver {
//			return mydriver.New(tb.TempDir())
//		}, drivertest.Config{
//			SkipDir:      driver.ErrSkipDir,
//			FilledBuffer: driver.ErrFilledBuffer,
//		})
//	}
//
// That runs one subtest a rule. [RunStore] does the same with several handles to one store, which
// the rules about a second process need. [Check] is the same suite as a function that returns a
// [Report] and never touches testing.T, for a command line or another test framework. [Benchmark]
// measures with names that benchstat can pivot.
//
// # Rules
//
// [Checks] lists every rule: a permanent id (WALK-07), a level and one sentence. A MUST that is
// broken fails. A SHOULD is reported and fails only where [Config.Strict] is set. A rule that
// cannot be judged here, because it needs a hook, a second handle or a longer budget, is
// inconclusive and says why; it is never red. No sound driver fails a rule: where the contract
// leaves something open, every legal form passes, and what the driver does is probed first and
// printed.
//
// # Failures
//
// Content is self-identifying: every word says which object, which version and which offset it
// belongs to, so a wrong byte is decoded ("parts swapped", "stale upload", "zeros", "short by 3").
// A failure carries the rule, its sentence, the seed, the operations that led to it as Go
// statements, and a bounded difference; whole objects are never printed or held.
//
// # What it is not
//
// It holds no driver, starts no back-end and reads no configuration. What it cannot do from
// outside (fill a disk, lose a reply, restart a process) comes in through the hooks of [Config].
package drivertest
