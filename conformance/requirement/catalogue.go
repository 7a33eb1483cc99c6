package requirement

import "slices"

// All returns every requirement in the order of the chapters: those of the OCI specification
// 1.1.1, the provisional ones, those of Docker's API and of schema 1. The slice is the caller's own.
func All() []Requirement {
	return slices.Concat(
		apiChapter(),
		pullChapter(),
		pushChapter(),
		chunkedChapter(),
		mountChapter(),
		manifestsChapter(),
		tagsChapter(),
		referrersChapter(),
		managementChapter(),
		errorsChapter(),
		provisionalChapter(),
		dockerChapter(),
		schema1Chapter(),
	)
}

// Lookup returns the requirement with that id, and whether there is one. A retired id has
// none; see Retired.
func Lookup(id string) (Requirement, bool) {
	all := All()
	i := slices.IndexFunc(all, func(r Requirement) bool { return r.ID == id })
	if i < 0 {
		return Requirement{}, false
	}
	return all[i], true
}

// A Tombstone keeps an id that is no longer in the catalogue from being used again.
type Tombstone struct {
	// ID is the retired id.
	ID string
	// Reason tells in one sentence why it was retired.
	Reason string
	// ReplacedBy holds the ids that took its place, if any.
	ReplacedBy []string
}

// Retired returns the tombstones, oldest first. None of their ids is in All.
func Retired() []Tombstone { return nil }
