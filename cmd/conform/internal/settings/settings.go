// Package settings reads what the environment and oci-conformance.yaml say of a
// run: the names of the official conformance suite, present and former, so that
// a job that runs it needs no other configuration, and REGISTRY.
//
// It resolves precedence and remembers where each value came from. What the
// values mean is the command's business.
package settings

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/registryconform/conform/conformance/requirement"
)

// A Value is a setting and where it came from: "" means that it is not set.
type Value struct {
	Text   string
	Origin string // "environment OCI_REGISTRY", "file oci-conformance.yaml"
}

// IsSet reports whether there is a value, be it the empty one.
func (v Value) IsSet() bool { return v.Origin != "" }

// Settings are what the environment and the file say.
type Settings struct {
	Registry           Value
	TLS                Value // enabled, insecure, disabled
	Repo1, Repo2       Value
	Username, Password Value
	Out                Value
	// Excluded are features that are not to be tested.
	Excluded map[requirement.Feature]Value
	// ReadOnly is set if nothing may be pushed. Tags and Manifests, lists with
	// spaces, are then there already.
	ReadOnly        Value
	Tags, Manifests Value
	// Warnings are sentences about variables of former names, and about
	// those that have no counterpart.
	Warnings []string
}

// A reader looks settings up in the order of precedence.
type reader struct {
	env      func(string) (string, bool)
	file     file
	settings Settings
}

// Read reads the variables through env and the file that OCI_CONFIGURATION
// names, or oci-conformance.yaml in the working directory if it is there. The
// present names go before the file, and that before the former names. The
// errors are one line each.
func Read(env func(string) (string, bool)) (Settings, error) {
	r := reader{env: env, settings: Settings{Excluded: map[requirement.Feature]Value{}}}
	var err error
	if r.file, err = readFile(env); err != nil {
		return Settings{}, err
	}
	s := &r.settings
	s.Registry = r.first("OCI_REGISTRY", r.file.Registry, "OCI_ROOT_URL")
	if !s.Registry.IsSet() {
		s.Registry = r.variable("REGISTRY")
	}
	s.TLS = r.first("OCI_TLS", r.file.TLS, "")
	s.Repo1 = r.first("OCI_REPO1", r.file.Repo1, "OCI_NAMESPACE")
	s.Repo2 = r.first("OCI_REPO2", r.file.Repo2, "OCI_CROSSMOUNT_NAMESPACE")
	s.Username = r.first("OCI_USERNAME", r.file.Username, "")
	s.Password = r.first("OCI_PASSWORD", r.file.Password, "")
	s.Out = r.first("OCI_RESULTS_DIR", r.file.ResultsDir, "OCI_REPORT_DIR")
	s.Tags = r.first("OCI_RO_DATA_TAGS", r.file.ROData.Tags.text(), "OCI_TAG_NAME")
	s.Manifests = r.first("OCI_RO_DATA_MANIFESTS", r.file.ROData.Manifests.text(), "OCI_MANIFEST_DIGEST")
	if !slices.Contains([]string{"", "enabled", "insecure", "disabled"}, s.TLS.Text) {
		return Settings{}, fmt.Errorf("%s: %q is none of enabled, insecure and disabled", s.TLS.Origin, s.TLS.Text)
	}
	if err := r.features(); err != nil {
		return Settings{}, err
	}
	r.warn()
	return r.settings, nil
}

// first returns the value of the variable, of the file, or of the variable of
// the former name.
func (r *reader) first(name string, inFile *string, former string) Value {
	if v := r.variable(name); v.IsSet() {
		return v
	}
	if inFile != nil {
		return Value{Text: *inFile, Origin: "file " + r.file.path}
	}
	v := r.variable(former)
	if v.IsSet() {
		r.warnf("%s is the former name of %s", former, name)
	}
	return v
}

func (r *reader) variable(name string) Value {
	if name == "" {
		return Value{}
	}
	if text, ok := r.env(name); ok {
		return Value{Text: text, Origin: "environment " + name}
	}
	return Value{}
}

func (r *reader) warnf(format string, args ...any) {
	r.settings.Warnings = append(r.settings.Warnings, fmt.Sprintf(format, args...))
}

// A toggle is a switch of the official suite and what it turns off.
type toggle struct {
	name     string
	inFile   func(*file) *bool
	features []requirement.Feature
	// former is set for switches of the former suite, which the others
	// override.
	former bool
}

func toggles() []toggle {
	discovery := []requirement.Feature{requirement.FeatureTags, requirement.FeatureReferrers, requirement.FeatureReferrersFilter}
	management := []requirement.Feature{requirement.FeatureDeleteTag, requirement.FeatureDeleteManifest, requirement.FeatureDeleteBlob}
	push := []requirement.Feature{
		requirement.FeaturePush, requirement.FeatureUploadSinglePost, requirement.FeatureUploadChunked, requirement.FeatureUploadStatus,
		requirement.FeatureUploadCancel, requirement.FeatureMount, requirement.FeatureMountAnonymous, requirement.FeatureTagParams,
	}
	pull := []requirement.Feature{requirement.FeaturePull, requirement.FeatureRange}
	return []toggle{
		{"OCI_API_PULL", func(f *file) *bool { return f.APIs.Pull }, pull, false},
		{"OCI_API_BLOBS_DELETE", func(f *file) *bool { return f.APIs.Blobs.Delete }, management[2:], false},
		{"OCI_API_BLOBS_MOUNT_ANONYMOUS", func(f *file) *bool { return f.APIs.Blobs.MountAnonymous }, []requirement.Feature{requirement.FeatureMountAnonymous}, false},
		{"OCI_API_BLOBS_UPLOAD_CANCEL", func(f *file) *bool { return f.APIs.Blobs.UploadCancel }, []requirement.Feature{requirement.FeatureUploadCancel}, false},
		{"OCI_API_MANIFESTS_DELETE", func(f *file) *bool { return f.APIs.Manifests.Delete }, management[1:2], false},
		{"OCI_API_MANIFESTS_TAG_PARAM", func(f *file) *bool { return f.APIs.Manifests.TagParam }, []requirement.Feature{requirement.FeatureTagParams}, false},
		{"OCI_API_TAGS_DELETE", func(f *file) *bool { return f.APIs.Tags.Delete }, management[:1], false},
		{"OCI_API_TAGS_LIST", func(f *file) *bool { return f.APIs.Tags.List }, discovery[:1], false},
		{"OCI_API_REFERRER", func(f *file) *bool { return f.APIs.Referrer }, discovery[1:], false},
		{"OCI_DATA_SHA512", func(f *file) *bool { return f.Data.Sha512 }, []requirement.Feature{requirement.FeatureSha512}, false},
		{"OCI_TEST_PULL", nil, pull, true},
		{"OCI_TEST_PUSH", nil, push, true},
		{"OCI_TEST_CONTENT_DISCOVERY", nil, discovery, true},
		{"OCI_TEST_CONTENT_MANAGEMENT", nil, management, true},
	}
}

// features reads the switches. What is on in a present name is on whatever a
// former one says.
func (r *reader) features() error {
	on, err := r.flag("OCI_API_PUSH", r.file.APIs.Push)
	if err != nil {
		return err
	}
	if on.Text == "false" {
		r.settings.ReadOnly = on
	}
	decided := map[requirement.Feature]bool{}
	for _, t := range toggles() {
		var inFile *bool
		if t.inFile != nil {
			inFile = t.inFile(&r.file)
		}
		v, err := r.flag(t.name, inFile)
		if err != nil {
			return err
		}
		if !v.IsSet() {
			continue
		}
		if t.former {
			r.warnf("%s is a name of the former official suite; OCI_API_* and --profile say the same", t.name)
		}
		for _, f := range t.features {
			if !decided[f] && v.Text == "false" {
				r.settings.Excluded[f] = v
			}
			decided[f] = true
		}
	}
	return nil
}

// flag returns "true" or "false", or nothing if the switch is not set.
func (r *reader) flag(name string, inFile *bool) (Value, error) {
	v := r.variable(name)
	if !v.IsSet() || v.Text == "" {
		if inFile == nil {
			return Value{}, nil
		}
		return Value{Text: strconv.FormatBool(*inFile), Origin: "file " + r.file.path}, nil
	}
	on, err := strconv.ParseBool(v.Text)
	if err != nil {
		return Value{}, fmt.Errorf("%s: %q is neither true nor false", v.Origin, v.Text)
	}
	v.Text = strconv.FormatBool(on)
	return v, nil
}

// warn tells of variables that are set and change nothing here.
func (r *reader) warn() {
	for _, name := range []string{
		"OCI_VERSION", "OCI_FILTER_TEST", "OCI_AUTH_SCOPE", "OCI_CACHE_AUTH", "OCI_BLOB_DIGEST",
		"OCI_TAG_LIST", "OCI_RO_DATA_BLOBS", "OCI_RO_DATA_REFERRERS",
		"OCI_DELETE_MANIFEST_BEFORE_BLOBS", "OCI_AUTOMATIC_CROSSMOUNT", "OCI_SKIP_EMPTY_LAYER_PUSH_TEST",
	} {
		if v := r.variable(name); v.IsSet() && v.Text != "" {
			r.warnf("%s has no counterpart here and changes nothing", name)
		}
	}
	for _, v := range []Value{r.settings.Tags, r.settings.Manifests} {
		if v.Text != "" && !r.settings.ReadOnly.IsSet() {
			r.warnf("the content that %s names changes nothing unless OCI_API_PUSH is false", v.Origin)
		}
	}
}
