// Package contract is a test of what every [registry.Registry] must do, for the
// tests of the packages that have one: over a store, and over a client of a
// server of a store. Only tests import it.
package contract

import (
	"testing"

	"github.com/registryconform/conform/reference/registry"
)

// Limits say what a registry can't do by its nature, each with the reason. What
// it does instead is tested: nothing is left out. The zero value has none.
type Limits struct {
	// NoStartTime: it isn't known when a session began; StartedAt is zero.
	NoStartTime string
	// NoSkipReferences: [registry.PutOptions].SkipReferences changes nothing.
	NoSkipReferences string
	// NoManifestList: [registry.Manifests].All is [registry.ErrUnsupported].
	NoManifestList string
}

// Run tests the contract as subtests, each with a registry from open: an empty
// one that has every feature on.
func Run(t *testing.T, limits Limits, open func(*testing.T) registry.Registry) {
	for what, reason := range map[string]string{"StartedAt": limits.NoStartTime, "SkipReferences": limits.NoSkipReferences, "All": limits.NoManifestList} {
		if reason != "" {
			t.Logf("without %s: %s", what, reason)
		}
	}
	for _, c := range []struct {
		name string
		run  func(*testing.T, registry.Registry)
	}{
		{"blob", checkBlob},
		{"blob of several chunks", limits.checkChunks},
		{"upload ends", checkUploadEnds},
		{"upload mismatch", checkMismatch},
		{"upload has one writer", checkOneWriter},
		{"blob alias", checkAlias},
		{"blob mount", checkMount},
		{"blob delete", checkBlobDelete},
		{"manifest", limits.checkManifest},
		{"manifest references", limits.checkReferences},
		{"manifest delete", checkManifestDelete},
		{"tags", checkTags},
		{"tags of nothing", checkNoTags},
		{"referrers", checkReferrers},
		{"repositories", checkRepositories},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}
