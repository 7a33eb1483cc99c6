package requirement_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/registryconform/conform/conformance/requirement"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		patterns string
		id       string
		want     bool
	}{
		{"pull.blob.unknown", "pull.blob.unknown", true},
		{"pull.blob", "pull.blob.unknown", false},
		{"pull.*", "pull.blob.unknown", true},
		{"*", "pull.blob.unknown", true},
		{"*unknown", "pull.blob.head-unknown", true},
		{"*.unknown", "pull.blob.head-unknown", false},
		{"p*l*b*n", "pull.blob.unknown", true},
		{"pull.blob.unknown*", "pull.blob.unknown", true},
		{"tags.*, pull.*", "pull.blob.unknown", true},
		{"pull.*, tags.*", "pull.blob.unknown", true},
		{"tags.*,push.*", "pull.blob.unknown", false},
		{"pull.blob.u*", "pullxblob.unknown", false},
	} {
		if got, err := requirement.Match([]string{c.patterns}, c.id); err != nil || got != c.want {
			t.Errorf("Match(%q, %q) = %v, %v", c.patterns, c.id, got, err)
		}
	}
	if got, err := requirement.Match([]string{"tags.*", "pull.*"}, "pull.blob.unknown"); err != nil || !got {
		t.Errorf("the second entry doesn't match: %v, %v", got, err)
	}
}

func TestMatchRefusesBadPatterns(t *testing.T) {
	t.Parallel()
	for _, patterns := range [][]string{
		nil,
		{""},
		{" "},
		{"pull.*,"},
		{"*", ""},
		{"pull.?lob.*"},
		{"pull.[a-z]*"},
		{`pull.\*`},
		{"Pull.*"},
		{"pull/blob"},
	} {
		if got, err := requirement.Match(patterns, "pull.blob.unknown"); err == nil || got {
			t.Errorf("Match(%q) = %v, %v, want an error", patterns, got, err)
		}
	}
}

func TestProfilesGrow(t *testing.T) {
	t.Parallel()
	count := map[requirement.Profile]int{}
	for _, p := range requirement.Profiles() {
		for _, r := range requirement.All() {
			if p.Includes(r) {
				count[p]++
			}
		}
	}
	pull, push, full := count[requirement.ProfilePull], count[requirement.ProfilePush], count[requirement.ProfileFull]
	if pull == 0 || push <= pull || full <= push || count[requirement.ProfileDockerV2] <= full {
		t.Errorf("the profiles don't grow: %v", count)
	}
	if full != 151+24 {
		t.Errorf("full has %d requirements, want all 151 released and 24 provisional ones", full)
	}
	if count[requirement.ProfileAll] != len(requirement.All()) {
		t.Errorf("all has %d requirements of %d", count[requirement.ProfileAll], len(requirement.All()))
	}
	if requirement.Profile("none").Includes(requirement.PullBlobOk) {
		t.Error("an unknown profile includes something")
	}
	if requirement.ProfilePull.Includes(requirement.PushBlobCreated) {
		t.Error("pull includes a push")
	}
}

func TestParseProfile(t *testing.T) {
	t.Parallel()
	for _, p := range requirement.Profiles() {
		if got, err := requirement.ParseProfile(string(p)); err != nil || got != p {
			t.Errorf("ParseProfile(%q) = %q, %v", p, got, err)
		}
	}
	for _, s := range []string{"", "Full", "oci"} {
		_, err := requirement.ParseProfile(s)
		if err == nil {
			t.Fatalf("ParseProfile(%q) gives no error", s)
		}
		for _, p := range requirement.Profiles() {
			if !strings.Contains(err.Error(), string(p)) {
				t.Errorf("the error %q doesn't list %s", err, p)
			}
		}
	}
}

func TestParseLevel(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]requirement.Level{
		"must": requirement.Must, "MUST": requirement.Must, "Should": requirement.Should,
	} {
		if got, err := requirement.ParseLevel(s); err != nil || got != want {
			t.Errorf("ParseLevel(%q) = %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "may", "shall"} {
		if _, err := requirement.ParseLevel(s); err == nil || !strings.Contains(err.Error(), "must or should") {
			t.Errorf("ParseLevel(%q) = %v, want an error that lists must and should", s, err)
		}
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		requirement requirement.Requirement
		must        bool
		should      bool
	}{
		{requirement.PullBlobUnknown, true, true},
		{requirement.PushBlobDigestMismatch, true, true},
		{requirement.PullBlobRange, false, true},
		{requirement.PushUploadLocationForm, false, false},
		{requirement.ManagementTagGone, false, false},
		{requirement.ChunkedPutOutOfOrder, false, false},
	} {
		r := c.requirement
		if r.Counts(requirement.Must) != c.must || r.Counts(requirement.Should) != c.should {
			t.Errorf("%s counts at must: %v, at should: %v", r.ID, r.Counts(requirement.Must), r.Counts(requirement.Should))
		}
	}
	if requirement.Must.AtLeast("") || requirement.Level("").AtLeast("") {
		t.Error("an unknown level compares")
	}
}

func TestParseFeatures(t *testing.T) {
	t.Parallel()
	for s, want := range map[string][]requirement.Feature{
		"referrers": {requirement.FeatureReferrers},
		"delete":    {requirement.FeatureDeleteTag, requirement.FeatureDeleteManifest, requirement.FeatureDeleteBlob},
		"delete-blob, referrers,delete-blob": {
			requirement.FeatureReferrers, requirement.FeatureDeleteBlob,
		},
	} {
		if got, err := requirement.ParseFeatures(s); err != nil || !slices.Equal(got, want) {
			t.Errorf("ParseFeatures(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "delete,", "deletes"} {
		_, err := requirement.ParseFeatures(s)
		if err == nil {
			t.Fatalf("ParseFeatures(%q) gives no error", s)
		}
		for _, name := range []string{"delete", "upload-cancel", "docker-v2"} {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("the error %q doesn't list %s", err, name)
			}
		}
	}
}

func TestEveryFeatureIsUsedAndExplained(t *testing.T) {
	t.Parallel()
	used := map[requirement.Feature]bool{}
	for _, r := range requirement.All() {
		used[r.Feature] = true
	}
	seen := map[string]bool{}
	for _, f := range requirement.Features() {
		if !used[f] || f.About() == "" || seen[f.About()] {
			t.Errorf("%s: used %v, about %q", f, used[f], f.About())
		}
		seen[f.About()] = true
	}
	for _, group := range requirement.FeatureGroups() {
		if slices.Contains(requirement.Features(), requirement.Feature(group.Name)) || len(group.Features) < 2 {
			t.Errorf("group %s is a feature too, or holds less than two", group.Name)
		}
	}
	if unknown := requirement.Feature("none"); unknown.Optional() || unknown.About() != "" {
		t.Error("an unknown feature is optional or explained")
	}
	if requirement.FeaturePull.Optional() || !requirement.FeatureReferrers.Optional() {
		t.Error("pull is optional or referrers aren't")
	}
}

func TestLinkLeadsToTheSection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		requirement requirement.Requirement
		want        string
	}{
		{requirement.PullBlobUnknown, "https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs"},
		{requirement.CancelUploadGone, "https://github.com/opencontainers/distribution-spec/blob/main/spec.md#cancel-a-blob-upload"},
		{requirement.DockerUploadCancel, "https://github.com/distribution/distribution/blob/v2.7.1/docs/spec/api.md#canceling-an-upload"},
	} {
		if got := c.requirement.Link(); got != c.want {
			t.Errorf("%s leads to %s, want %s", c.requirement.ID, got, c.want)
		}
	}
}
