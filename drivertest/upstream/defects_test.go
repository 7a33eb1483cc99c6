package upstream

import (
	"fmt"
	"slices"
	"strings"

	"github.com/registryconform/conform/drivertest"
)

// A defect is what was seen in a driver by probes of one property each, before
// there was a suite. The suite has to find each by itself.
type defect struct {
	what string
	// found names for each test the rules that find it, with a bar between those
	// of which one is enough, where it takes luck. A colon sets apart the case of
	// the rule that must fail, by what its label holds. A driver without an entry
	// doesn't have the defect.
	found map[string]string
}

const (
	inMemory   = "TestInMemory"
	onFiles    = "TestFilesystem"
	onFullDisk = "TestFilesystemOnFullDisk"
	overS3     = "TestS3"
)

func in(rule string, tests ...string) map[string]string {
	found := map[string]string{}
	for _, test := range tests {
		found[test] = rule
	}
	return found
}

func defects() []defect {
	return []defect{
		{"a Delete of nothing succeeds where a name begins alike", in("DELE-05", overS3)},
		{"Stat finds nothing to be a directory where a name begins alike", in("STAT-05", overS3)},
		{"a directory that holds a child of its own name is out of reach", in("PATH-08", inMemory)},
		{"what is closed and not committed is in view", in("WRIT-20", inMemory, onFiles)},
		{"opening a Writer hides the old content", in("WRIT-04:an object", inMemory, onFiles)},
		{"Cancel loses the old content", in("WRIT-09", inMemory, onFiles)},
		{"Cancel after Close fails", in("WRIT-11", inMemory, onFiles, overS3)},
		{"a second Close fails", in("WRIT-15", inMemory, onFiles, overS3)},
		{"Size doesn't count before Close", in("WRIT-06", inMemory, overS3)},
		{"append to a missing path makes an object, and leaves it", in("RESU-06", inMemory, onFiles)},
		{"append goes on with an older upload, and its bytes are published", in("RESU-08:published", overS3)},
		{"the content of a directory is an untyped error", in("CONT-09", inMemory, onFiles)},
		{"List of a file is an untyped error", in("LIST-11", inMemory, onFiles)},
		{"what lies below a file is an untyped error", in("STAT-10", onFiles)},
		{"an empty directory stays", in("LIST-14", inMemory, onFiles)},
		{"a Move of a directory loses what is in it", in("MOVE-09", inMemory)},
		{"a Move onto a directory destroys it", in("MOVE-10", inMemory)},
		{"Walk of nothing succeeds", in("WALK-12", overS3)},
		{"Walk goes by the bytes of paths", in("WALK-05", overS3)},
		{"neither the callback's error nor the context's can be found in that of Walk", in("ERRS-04", inMemory, onFiles, overS3)},
		{"Walk ends where a directory that it visits is deleted", in("WALK-11:as they are visited", inMemory, onFiles)},
		{"Walk fails where the hint names a file", in("WALK-17", inMemory, onFiles)},
		{"calls go on with a context that has ended", in("CTXT-01", inMemory, onFiles)},
		{"Walk goes on with a context that has ended, or hides that", in("CTXT-04", inMemory, onFiles, overS3)},
		{"a Writer ends with the context that opened it", in("CTXT-06", overS3)},
		{"withheld", map[string]string{inMemory: "sealed:dc3757b0c3f5", onFiles: "sealed:60bdb0c48f8a", overS3: "sealed:1178bb47b472"}},
		{"a name of 255 bytes is refused", in("PATH-05", onFiles)},
		{"a Reader gives a mix of two contents", in("READ-10", inMemory)},
		{"temporary names are listed", in("LIST-12|CRSH-03", onFiles)},
		{"two Writers mix their bytes", in("CONC-04", inMemory, onFiles)},
		{"a Writer mixes its bytes with those that were put meanwhile", in("WRIT-04:put meanwhile", inMemory, onFiles)},
		{"Commit succeeds though the object was deleted", in("CONC-08", inMemory, onFiles)},
		{"an open upload is in view", in("WRIT-02", inMemory, onFiles)},
		{"a Writer that is killed leaves a torn object", in("CRSH-02|WRIT-20", onFiles)},
		{"the name of a new directory is not flushed, nor anything by Move", in("CRSH-05", onFiles)},
		{"a Move is not flushed", in("CRSH-06", onFiles)},
		{"the model of random operations finds a counterexample", in("MODL-01", inMemory, overS3)},
		{"without space part of an upload stays in view", in("FALT-02", onFullDisk)},
		{"the error of a put without space holds that of its clean-up", in("ERRS-07", onFullDisk)},
	}
}

// unfound lists the defects of a driver that no failure of a run shows.
func unfound(test string, all []defect, results []drivertest.Result) []string {
	var lost []string
	for _, d := range all {
		rules, has := d.found[test]
		if has && !slices.ContainsFunc(strings.Split(rules, "|"), func(rule string) bool { return shown(test, rule, results) }) {
			lost = append(lost, fmt.Sprintf("seen before, and not found by %s: %s", rules, d.what))
		}
	}
	return lost
}

// shown tells whether a rule failed, and the case of it that is asked for.
func shown(test, rule string, results []drivertest.Result) bool {
	id, label, _ := strings.Cut(rule, ":")
	if id == "sealed" {
		id, label = rule, ""
	}
	return slices.ContainsFunc(results, func(res drivertest.Result) bool {
		return (res.ID == id || sealed(test, res.ID) == id) && res.Outcome == drivertest.Failed &&
			slices.ContainsFunc(res.Failures, func(f drivertest.Failure) bool { return strings.Contains(f.Case, label) })
	})
}
