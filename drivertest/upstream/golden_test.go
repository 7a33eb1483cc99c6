package upstream

import (
	"crypto/sha256"
	"encoding/hex"
)

// A finding is a rule that a driver is known to break. Each was verified by hand in the source of
// the driver, at the version that go.mod pins.
type finding struct {
	// rule is the rule's id, or what sealed makes of it.
	rule string
	// cause says what the driver does, or withheld.
	cause string
	// sometimes marks what depends on timing, or on how long random operations go on: it may show,
	// or not.
	sometimes bool
}

// withheld is the cause of a finding that is a security hole in someone else's software, or points
// to one. Its rule is sealed.
const withheld = "withheld"

// sealed is a name for a rule that doesn't give it away to who only reads the list.
func sealed(test, rule string) string {
	sum := sha256.Sum256([]byte(test + " " + rule))
	return "sealed:" + hex.EncodeToString(sum[:6])
}

func lookup(test string, golden []finding, rule string) (finding, bool) {
	for _, f := range golden {
		if f.rule == rule || f.rule == sealed(test, rule) {
			return f, true
		}
	}
	return finding{}, false
}

// Causes that several findings share.
const (
	noContext   = "no method looks at its context; the calls go to memory or the system at once"
	noUnwrap    = "driver.Error, into which every other error is wrapped, has no Unwrap"
	walkOn      = "WalkFallback goes on with the parent directory after the callback ended the walk below a hint"
	hintIsFile  = "WalkFallback lists the hint as a directory, and the error of a file is not path-not-found"
	listVanish  = "WalkFallback tolerates a path that vanished before Stat, but not a directory that vanished before List"
	closedTwice = "Close and Cancel fail with \"already closed\" after Close"
	inPlace     = "the Writer works on the object itself: it truncates it when it opens, and its bytes show as they come"
	anyAppend   = "Writer with append creates a missing object, empty and in view, with its directories"
	ghost       = "directories are never removed when they become empty"
)

func goldenInMemory() []finding {
	const (
		ownName = "find descends twice into a child that has the name of its directory (strings.Index is -1 at the last component), " +
			"so that /a is out of reach where /a/a is"
		sizeLate = "Size returns the length of what was flushed, and nothing is flushed before Close or Commit"
		moveName = "Move of a missing source names the destination in the error"
	)
	return []finding{
		{rule: "sealed:dc3757b0c3f5", cause: withheld},
		{rule: "PATH-06", cause: ownName},
		{rule: "PATH-08", cause: ownName},
		{rule: "CONT-09", cause: "a directory gives an untyped error"},
		{rule: "READ-08", cause: "the Reader is wrapped in io.NopCloser and reads on after Close"},
		{rule: "READ-10", cause: "a Reader reads the bytes of the file itself, into which PutContent writes"},
		{rule: "WRIT-02", cause: inPlace},
		{rule: "WRIT-04", cause: inPlace},
		{rule: "WRIT-06", cause: sizeLate},
		{rule: "WRIT-09", cause: "Cancel deletes the object itself"},
		{rule: "WRIT-11", cause: closedTwice},
		{rule: "WRIT-15", cause: closedTwice},
		{rule: "WRIT-19", cause: sizeLate},
		{rule: "WRIT-20", cause: "Close flushes what was written into the object, without Commit"},
		{rule: "RESU-01", cause: sizeLate},
		{rule: "RESU-03", cause: sizeLate},
		{rule: "RESU-04", cause: sizeLate},
		{rule: "RESU-05", cause: sizeLate},
		{rule: "RESU-06", cause: anyAppend},
		{rule: "RESU-07", cause: sizeLate},
		{rule: "RESU-08", cause: sizeLate},
		{rule: "RESU-13", cause: sizeLate},
		{rule: "STAT-09", cause: ownName},
		{rule: "LIST-06", cause: ownName},
		{rule: "LIST-11", cause: "a file gives an untyped error"},
		{rule: "LIST-14", cause: ghost},
		{rule: "MOVE-03", cause: moveName},
		{rule: "MOVE-09", cause: "only the directory's own path is changed; what is below keeps its old path and is out of reach"},
		{rule: "MOVE-10", cause: "what is at the destination is replaced in the parent's map, a whole directory too"},
		{rule: "DELE-02", cause: ownName},
		{rule: "WALK-02", cause: ownName},
		{rule: "WALK-03", cause: ownName},
		{rule: "WALK-04", cause: ownName},
		{rule: "WALK-05", cause: ownName},
		{rule: "WALK-07", cause: ownName},
		{rule: "WALK-09", cause: ownName + "; " + walkOn},
		{rule: "WALK-11", cause: listVanish},
		{rule: "WALK-10", cause: ownName + "; " + noUnwrap},
		{rule: "WALK-14", cause: ownName + "; " + hintIsFile},
		{rule: "WALK-15", cause: ownName + "; " + hintIsFile},
		{rule: "WALK-16", cause: ownName},
		{rule: "WALK-17", cause: hintIsFile},
		{rule: "WALK-19", cause: ownName},
		{rule: "WALK-20", cause: ownName},
		{rule: "WALK-21", cause: ownName},
		{rule: "WALK-23", cause: ownName + "; " + hintIsFile},
		{rule: "ERRS-01", cause: moveName},
		{rule: "ERRS-04", cause: noUnwrap},
		{rule: "CTXT-01", cause: noContext},
		{rule: "CTXT-02", cause: noContext},
		{rule: "CTXT-04", cause: noContext},
		{rule: "CONC-04", cause: "two Writers of one path append to the same file, each all of its own bytes"},
		{rule: "CONC-08", cause: "a Writer goes on with a file that Delete took out of the tree, and Commit returns nil"},
		{rule: "MODL-01", cause: ownName},
		{rule: "MODL-02", cause: ownName},
		{rule: "MODL-03", cause: ownName},
		{rule: "MODL-05", cause: ownName},
		{rule: "MODL-06", cause: ownName},
		{rule: "MODL-07", cause: ownName},
		{rule: "REGI-02", cause: walkOn},
		{rule: "REGI-04", cause: listVanish},
		{rule: "REGI-05", cause: listVanish, sometimes: true},
	}
}

func goldenFilesystem() []finding {
	const (
		noDirSync  = "the directory that holds a new directory is never flushed, nor is any by Move or Commit"
		looksFirst = "Delete looks and then removes, so that two that race both succeed"
	)
	return []finding{
		{rule: "sealed:60bdb0c48f8a", cause: withheld},
		{rule: "PATH-05", cause: "PutContent writes to a temporary name 41 bytes longer, which the system refuses"},
		{rule: "CONT-09", cause: "the system's error for reading a directory comes back untyped"},
		{rule: "READ-10", cause: inPlace},
		{rule: "WRIT-02", cause: inPlace},
		{rule: "WRIT-04", cause: inPlace},
		{rule: "WRIT-09", cause: "Cancel removes the object itself"},
		{rule: "WRIT-11", cause: closedTwice},
		{rule: "WRIT-15", cause: closedTwice},
		{rule: "WRIT-20", cause: "Close flushes what was written into the object, without Commit"},
		{rule: "RESU-06", cause: anyAppend},
		{rule: "STAT-10", cause: "ENOTDIR comes back untyped, since os.IsNotExist doesn't hold for it"},
		{rule: "LIST-11", cause: "ENOTDIR comes back untyped, since os.IsNotExist doesn't hold for it"},
		{rule: "LIST-12", cause: "PutContent's temporary file lies beside the object and List shows it", sometimes: true},
		{rule: "LIST-14", cause: ghost},
		{rule: "WALK-09", cause: walkOn},
		{rule: "WALK-11", cause: listVanish},
		{rule: "WALK-10", cause: noUnwrap},
		{rule: "WALK-14", cause: hintIsFile},
		{rule: "WALK-15", cause: hintIsFile},
		{rule: "WALK-17", cause: hintIsFile},
		{rule: "WALK-23", cause: hintIsFile},
		{rule: "ERRS-04", cause: noUnwrap},
		{rule: "CTXT-01", cause: noContext},
		{rule: "CTXT-02", cause: noContext},
		{rule: "CTXT-04", cause: noContext},
		{rule: "CONC-04", cause: "two Writers of one path write into the same file, each at its own offset"},
		{rule: "CONC-08", cause: "Commit flushes a file that was unlinked meanwhile, and returns nil"},
		{rule: "CONC-09", cause: "PutContent whose temporary file a Delete took away joins two errors, neither of which can be found", sometimes: true},
		{rule: "LINZ-01", cause: looksFirst, sometimes: true},
		{rule: "LINZ-03", cause: looksFirst, sometimes: true},
		{rule: "LINZ-04", cause: looksFirst, sometimes: true},
		{rule: "CRSH-02", cause: inPlace, sometimes: true},
		{rule: "CRSH-03", cause: "what a killed PutContent leaves under its temporary name stays in List for ever", sometimes: true},
		{rule: "CRSH-05", cause: noDirSync},
		{rule: "CRSH-06", cause: noDirSync},
		{rule: "REGI-02", cause: walkOn},
		{rule: "REGI-04", cause: listVanish},
		{rule: "REGI-05", cause: listVanish, sometimes: true},
	}
}

// goldenFullDisk is what the filesystem driver breaks on a disk without space.
func goldenFullDisk() []finding {
	return []finding{
		{rule: "FALT-02", cause: inPlace + ", and those that fitted on the disk stay when the next fail"},
		{rule: "ERRS-07", cause: "PutContent joins the error of removing its temporary file, which is there no more, to the one that counts"},
	}
}
