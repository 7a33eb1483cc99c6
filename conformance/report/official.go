package report

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/registryconform/conform/conformance/requirement"
)

// Statuses of the official suite's results.yaml, from weak to strong: a row has the strongest of its results.
const (
	officialDisabled = "Disabled"
	officialSkip     = "Skip"
	officialPass     = "Pass"
	officialFail     = "FAIL"
	officialError    = "Error"
)

// officialRow is a row of that file: the name that readers know, the ids (globs) of the requirements that it stands
// for, and, where these are told apart by the specs only, what one of them has in its text.
type officialRow struct {
	name  string
	ids   []string
	texts []string
}

// officialAPIs are the rows of the API, in the order of the names.
func officialAPIs() []officialRow {
	get := []string{"pull.manifest.ok", "pull.manifest.content", "pull.manifest.content-type", "pull.manifest.digest-header"}
	head := []string{"pull.manifest.head", "pull.head.digest-header", "pull.head.length"}
	return []officialRow{
		{"Blob anonymous mount", []string{"mount.anonymous.*"}, nil},
		{"Blob chunked", []string{"chunked.patch.*", "chunked.put.*"}, []string{"chunk"}},
		{"Blob delete", []string{"management.blob.*"}, nil},
		{"Blob delete atomic", nil, nil},
		{"Blob get", []string{"pull.blob.ok", "pull.blob.content", "pull.blob.unknown"}, nil},
		{"Blob get range", []string{"pull.blob.range"}, nil},
		{"Blob head", []string{"pull.blob.head", "pull.blob.head-unknown", "pull.head.length"}, []string{"blob"}},
		{"Blob mount", []string{"mount.blob.*"}, nil},
		{"Blob post only", []string{"push.single.*"}, nil},
		{"Blob post put", []string{"push.blob.*", "push.upload.*"}, nil},
		{"Blob push", []string{"push.blob.created", "push.blob.location", "push.upload.accepted"}, nil},
		{"Blob streaming", []string{"chunked.patch.*", "chunked.put.*"}, []string{"in a stream"}},
		{"Blob upload cancel", []string{"cancel.upload.*"}, nil},
		{"Manifest delete", []string{"management.manifest.*"}, nil},
		{"Manifest delete atomic", []string{"management.manifest.gone"}, nil},
		{"Manifest get by digest", get, []string{"by digest"}},
		{"Manifest get by tag", get, []string{"by tag"}},
		{"Manifest head by digest", head, []string{"manifest by digest", "index by digest"}},
		{"Manifest head by tag", head, []string{"manifest by tag", "index by tag"}},
		{"Manifest put by digest", []string{"manifests.push.*"}, []string{"by digest"}},
		{"Manifest put by tag", []string{"manifests.push.*"}, []string{"by tag"}},
		{"Manifest put with subject", []string{"manifests.subject.*"}, nil},
		{"Manifest put with tag params", []string{"manifests.tag-params.*"}, nil},
		{"Ping", []string{"api.base.*"}, nil},
		{"Referrers", []string{"referrers.list.*", "referrers.artifact-type.*", "referrers.filter.*"}, nil},
		{"Tag delete", []string{"management.tag.*"}, nil},
		{"Tag delete atomic", []string{"management.tag.gone"}, nil},
		{"Tag listing", []string{"tags.*.*"}, nil},
	}
}

// officialData are the rows of the kinds of content. Those without ids are kinds that no spec pushes.
func officialData() []officialRow {
	manifests := []string{"pull.manifest.*", "manifests.push.*", "manifests.content.exact"}
	blobs := []string{"pull.blob.*", "push.blob.*", "push.single.*", "chunked.put.*"}
	return []officialRow{
		{"Artifact", manifests, []string{"artifact manifest"}},
		{"Artifact Index", []string{"referrers.artifact-type.given"}, []string{"an index"}},
		{"Artifact without Layers", nil, nil},
		{"Artifacts with Subject", []string{"manifests.subject.*", "referrers.list.pushed"}, []string{"an artifact"}},
		{"Bad Digest Image", []string{"manifests.digest.mismatch"}, nil},
		{"Blobs sha256", []string{"pull.blob.ok", "pull.blob.content", "push.blob.created"}, nil},
		{"Blobs sha512", blobs, []string{"sha512"}},
		{"Custom Fields", []string{"manifests.content.exact"}, []string{"fields of its own"}},
		{"Data Field", nil, nil},
		{"Digest Algorithm sha512", []string{"chunked.session.digest-algorithm"}, []string{"sha512"}},
		{"Empty Index", nil, nil},
		{"Image", manifests, []string{"image manifest"}},
		{"Image Uncompressed", nil, nil},
		{"Image with Large Manifest", []string{"manifests.size.four-megabytes"}, nil},
		{"Index", manifests, []string{"image index"}},
		{"Index with Subject", []string{"manifests.subject.*", "referrers.list.pushed"}, []string{"an index"}},
		{"Invalid Manifest Digest", []string{"manifests.reference.other"}, nil},
		{"Missing Subject", []string{"manifests.subject.absent"}, nil},
		{"Nested Index", nil, nil},
		{"No Layers", []string{"manifests.content.no-blobs"}, nil},
		{"Non-distributable Layers", nil, nil},
		{"Sparse Manifests", []string{"manifests.content.unknown"}, nil},
		{"Tag Param", []string{"manifests.tag-params.*"}, nil},
		{"Tag Param sha512", nil, nil},
	}
}

// WriteOfficial writes results.yaml in the form of the official suite, for readers that know its names. A row is
// Disabled if no spec of the run stands for it. Known failures are FAIL: a baseline says nothing to those readers.
// Failures below MUST don't show, as that form has no levels.
func WriteOfficial(w io.Writer, r *Report) error {
	var s strings.Builder
	fmt.Fprintf(&s, "# Written by %s in the form of the OCI distribution-spec conformance suite.\n", comment(r.Tool.Name+" "+r.Tool.Version))
	s.WriteString("config:\n")
	host, tls := r.Target.Name, "disabled"
	if u, err := url.Parse(r.Target.Name); err == nil && u.Host != "" {
		host = u.Host + u.Path
		if u.Scheme == "https" {
			tls = "enabled"
		}
	}
	fmt.Fprintf(&s, "  registry: %s\n  tls: %s\n", quoteYAML(host), tls)
	for i, repository := range r.Target.Repositories {
		fmt.Fprintf(&s, "  repo%d: %s\n", i+1, quoteYAML(repository))
	}
	fmt.Fprintf(&s, "  version: %s\n", quoteYAML(cmp.Or(r.SpecVersion, "unknown")))
	for _, part := range []struct {
		name string
		rows []officialRow
	}{{"apis", officialAPIs()}, {"data", officialData()}} {
		fmt.Fprintf(&s, "%s:\n", part.name)
		for _, row := range part.rows {
			fmt.Fprintf(&s, "  %s: %s\n", row.name, row.status(r))
		}
	}
	if _, err := io.WriteString(w, s.String()); err != nil {
		return fmt.Errorf("results.yaml: %w", err)
	}
	return nil
}

func (row officialRow) status(r *Report) string {
	order := []string{officialDisabled, officialSkip, officialPass, officialFail, officialError}
	best := 0
	for i := range r.Results {
		if row.holds(&r.Results[i]) {
			best = max(best, slices.Index(order, officialStatus(&r.Results[i])))
		}
	}
	return order[best]
}

func (row officialRow) holds(r *Result) bool {
	if len(row.ids) == 0 {
		return false
	}
	// The patterns are this file's own and well formed.
	if ok, err := requirement.Match(row.ids, r.ID); err != nil || !ok {
		return false
	}
	return len(row.texts) == 0 || slices.ContainsFunc(row.texts, func(t string) bool { return strings.Contains(r.Spec, t) })
}

func officialStatus(r *Result) string {
	demanded := r.Level == string(requirement.Must) && r.Basis != string(requirement.Implied) && !r.Provisional
	switch {
	case r.Outcome == Error:
		return officialError
	case r.Outcome == Passed:
		return officialPass
	case r.Outcome == Unsupported:
		return officialSkip
	case (r.Outcome == Failed || r.Outcome == Blocked) && demanded:
		return officialFail
	case r.Outcome == Failed:
		return officialPass
	}
	return officialDisabled
}
