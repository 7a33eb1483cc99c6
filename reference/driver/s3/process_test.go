package s3_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path"
	"testing"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/drivertest"
)

// What a process is told that a rule about crashes starts, and kills.
const (
	workerStore = "S3_TEST_STORE"
	workerJob   = "S3_TEST_JOB"
)

// worker is this test binary, doing a job over the server.
func worker(server backends.S3, job string) *exec.Cmd {
	store, err := json.Marshal(server.Parameters())
	if err != nil {
		panic(err)
	}
	command := exec.Command(os.Args[0], "-test.run=^TestWorker$", "-test.count=1")
	command.Env = append(os.Environ(), workerStore+"="+string(store), workerJob+"="+job)
	return command
}

// reopen opens the store at a location, of which the server knows the name.
func reopen(store map[string]any, location string) (drivertest.Target, error) {
	all := maps.Clone(store)
	all["rootdirectory"] = "crash/" + path.Base(location)
	d, err := driverOf(all)
	return drivertest.Adapt(d), err
}

// TestWorker is what [worker] runs; by itself it does nothing.
func TestWorker(t *testing.T) {
	job := os.Getenv(workerJob)
	if job == "" {
		return
	}
	var store map[string]any
	if err := json.Unmarshal([]byte(os.Getenv(workerStore)), &store); err != nil {
		t.Fatal(err)
	}
	err := drivertest.Work(t.Context(), job, drivertest.Config{Hooks: drivertest.Hooks{
		Reopen: func(location string) (drivertest.Target, error) { return reopen(store, location) },
	}})
	if err != nil {
		t.Fatal(err)
	}
}
