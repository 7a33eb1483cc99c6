package requirement

import (
	"fmt"
	"slices"
	"strings"
)

// A Feature is a part of the API that requirements belong to, that reports group by and
// that --require names. Most features are Optional: a registry may leave one out as a unit,
// and what then can't be judged is unsupported rather than failed.
type Feature string

// The features.
const (
	FeatureCore             Feature = "core"
	FeaturePull             Feature = "pull"
	FeatureRange            Feature = "range"
	FeatureSha512           Feature = "sha512"
	FeatureProxy            Feature = "proxy"
	FeaturePush             Feature = "push"
	FeatureUploadSinglePost Feature = "upload-single-post"
	FeatureUploadChunked    Feature = "upload-chunked"
	FeatureUploadStatus     Feature = "upload-status"
	FeatureUploadCancel     Feature = "upload-cancel"
	FeatureDigestAlgorithm  Feature = "digest-algorithm"
	FeatureMount            Feature = "mount"
	FeatureMountAnonymous   Feature = "mount-anonymous"
	FeatureTagParams        Feature = "tag-params"
	FeatureTags             Feature = "tags"
	FeatureReferrers        Feature = "referrers"
	FeatureReferrersFilter  Feature = "referrers-filter"
	FeatureDeleteTag        Feature = "delete-tag"
	FeatureDeleteManifest   Feature = "delete-manifest"
	FeatureDeleteBlob       Feature = "delete-blob"
	FeatureCatalog          Feature = "catalog"
	FeatureDockerV2         Feature = "docker-v2"
	FeatureSchema1          Feature = "schema1"
)

// featureAbout is one row of the table behind Features, Optional and About.
type featureAbout struct {
	feature  Feature
	optional bool
	about    string
}

func featureTable() []featureAbout {
	return []featureAbout{
		{FeatureCore, false, "what every registry does: the base endpoint, names, error bodies, warnings, refusals"},
		{FeaturePull, false, "GET and HEAD of manifests and blobs"},
		{FeatureRange, true, "parts of a blob by Range"},
		{FeatureSha512, true, "content by sha512 digests"},
		{FeatureProxy, true, "the ns parameter of a pull through a proxy"},
		{FeaturePush, false, "uploads of blobs by POST and PUT, and of manifests"},
		{FeatureUploadSinglePost, true, "a blob in a single POST"},
		{FeatureUploadChunked, false, "a blob in chunks by PATCH"},
		{FeatureUploadStatus, false, "the status of an upload session by GET"},
		{FeatureUploadCancel, true, "the end of an upload session by DELETE"},
		{FeatureDigestAlgorithm, true, "the digest-algorithm parameter when an upload is opened"},
		{FeatureMount, true, "a blob mounted from a named repository"},
		{FeatureMountAnonymous, true, "a blob mounted without naming the repository"},
		{FeatureTagParams, true, "tag parameters on a manifest pushed by digest"},
		{FeatureTags, false, "the list of tags and its pages"},
		{FeatureReferrers, true, "the list of manifests that refer to a digest"},
		{FeatureReferrersFilter, true, "that list by artifactType"},
		{FeatureDeleteTag, true, "deletion of tags"},
		{FeatureDeleteManifest, true, "deletion of manifests"},
		{FeatureDeleteBlob, true, "deletion of blobs"},
		{FeatureCatalog, true, "the list of repositories, /v2/_catalog"},
		{FeatureDockerV2, true, "headers and media types of Docker's own"},
		{FeatureSchema1, true, "signed manifests of schema 1"},
	}
}

// Features returns every feature, in the order of the API.
func Features() []Feature {
	table := featureTable()
	features := make([]Feature, 0, len(table))
	for _, row := range table {
		features = append(features, row.feature)
	}
	return features
}

// Optional tells whether a registry of the profile that f belongs to may leave f out. It is
// false for what is not one of Features.
func (f Feature) Optional() bool {
	for _, row := range featureTable() {
		if row.feature == f {
			return row.optional
		}
	}
	return false
}

// About returns a phrase that tells what f is, or nothing if f is not one of Features.
func (f Feature) About() string {
	for _, row := range featureTable() {
		if row.feature == f {
			return row.about
		}
	}
	return ""
}

// A FeatureGroup is a short name for several features.
type FeatureGroup struct {
	Name     string
	Features []Feature
}

// FeatureGroups returns the groups that ParseFeatures takes beside features.
func FeatureGroups() []FeatureGroup {
	return []FeatureGroup{
		{"delete", []Feature{FeatureDeleteTag, FeatureDeleteManifest, FeatureDeleteBlob}},
		{"upload", []Feature{FeatureUploadSinglePost, FeatureUploadChunked, FeatureUploadStatus, FeatureUploadCancel}},
		{"discovery", []Feature{FeatureTags, FeatureReferrers, FeatureReferrersFilter}},
	}
}

// ParseFeatures reads a list of features and groups with commas, such as delete,referrers.
// It returns each feature once, in the order of Features. An empty list, an empty entry and
// an unknown name are errors; the last lists the valid names.
func ParseFeatures(s string) ([]Feature, error) {
	wanted := map[Feature]bool{}
	for entry := range strings.SplitSeq(s, ",") {
		name := strings.TrimSpace(entry)
		features, ok := featuresNamed(name)
		if !ok {
			return nil, fmt.Errorf("unknown feature %q: want one of %s", name, strings.Join(featureNames(), ", "))
		}
		for _, f := range features {
			wanted[f] = true
		}
	}
	return slices.DeleteFunc(Features(), func(f Feature) bool { return !wanted[f] }), nil
}

func featuresNamed(name string) ([]Feature, bool) {
	if f := Feature(name); slices.Contains(Features(), f) {
		return []Feature{f}, true
	}
	for _, group := range FeatureGroups() {
		if group.Name == name {
			return group.Features, true
		}
	}
	return nil, false
}

func featureNames() []string {
	var names []string
	for _, group := range FeatureGroups() {
		names = append(names, group.Name)
	}
	for _, f := range Features() {
		names = append(names, string(f))
	}
	return names
}
