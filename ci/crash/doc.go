// Package crash tries the binary against what ends it, fills its disk or works
// on its store at the same time: kills at any moment, a file system without
// room, collections of garbage. It holds tests only.
//
//	go test ./ci/crash -run TestKill -args -rounds 1000
package crash
