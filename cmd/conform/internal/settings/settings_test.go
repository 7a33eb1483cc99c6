package settings_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/registryconform/conform/cmd/conform/internal/settings"
	"github.com/registryconform/conform/conformance/requirement"
)

// read reads with these variables in a folder with this oci-conformance.yaml.
func read(t *testing.T, file string, env map[string]string) (settings.Settings, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	if file != "" {
		if err := os.WriteFile("oci-conformance.yaml", []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return settings.Read(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
}

func TestPrecedence(t *testing.T) {
	const file = "registry: from-file\nrepo1: f1\nunknown: {a: b}\n"
	all := map[string]string{"OCI_REGISTRY": "new", "OCI_ROOT_URL": "old", "REGISTRY": "plain"}
	for i, want := range []settings.Value{
		{Text: "new", Origin: "environment OCI_REGISTRY"},
		{Text: "from-file", Origin: "file oci-conformance.yaml"},
		{Text: "old", Origin: "environment OCI_ROOT_URL"},
		{Text: "plain", Origin: "environment REGISTRY"},
		{},
	} {
		env := maps.Clone(all)
		content := file
		for j, name := range []string{"OCI_REGISTRY", "", "OCI_ROOT_URL", "REGISTRY"} {
			if j < i {
				delete(env, name)
				if name == "" {
					content = ""
				}
			}
		}
		s, err := read(t, content, env)
		if err != nil || s.Registry != want {
			t.Errorf("%d: got %+v, %v, want %+v", i, s.Registry, err, want)
		}
	}
}

func TestAnEmptyVariableIsSet(t *testing.T) {
	s, err := read(t, "registry: from-file\n", map[string]string{"OCI_REGISTRY": ""})
	if err != nil || !s.Registry.IsSet() || s.Registry.Text != "" {
		t.Errorf("got %+v, %v", s.Registry, err)
	}
}

func TestValues(t *testing.T) {
	s, err := read(t, "repo1: f1\npassword: p\nresultsDir: r\n", map[string]string{
		"OCI_REPO2": "r2", "OCI_NAMESPACE": "old", "OCI_USERNAME": "u", "OCI_TLS": "insecure", "OCI_REPORT_DIR": "old",
	})
	got := []string{s.Repo1.Text, s.Repo2.Text, s.Username.Text, s.Password.Text, s.TLS.Text, s.Out.Text}
	if want := []string{"f1", "r2", "u", "p", "insecure", "r"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestSwitches(t *testing.T) {
	for name, tc := range map[string]struct {
		file string
		env  map[string]string
		want []requirement.Feature
	}{
		"nothing":   {"", nil, nil},
		"on is on":  {"", map[string]string{"OCI_API_BLOBS_DELETE": "true", "OCI_TEST_PUSH": "1"}, nil},
		"new names": {"", map[string]string{"OCI_API_BLOBS_DELETE": "false", "OCI_API_TAGS_LIST": "0"}, []requirement.Feature{"delete-blob", "tags"}},
		"file":      {"apis: {referrer: false, tags: {delete: false}}\ndata: {sha512: false}\n", nil, []requirement.Feature{"delete-tag", "referrers", "referrers-filter", "sha512"}},
		"variable over file": {
			"apis: {referrer: false}\n", map[string]string{"OCI_API_REFERRER": "true"}, nil,
		},
		"former":           {"", map[string]string{"OCI_TEST_CONTENT_MANAGEMENT": "0"}, []requirement.Feature{"delete-blob", "delete-manifest", "delete-tag"}},
		"new over former":  {"", map[string]string{"OCI_TEST_CONTENT_MANAGEMENT": "0", "OCI_API_TAGS_DELETE": "1"}, []requirement.Feature{"delete-blob", "delete-manifest"}},
		"empty is not set": {"", map[string]string{"OCI_API_TAGS_DELETE": ""}, nil},
	} {
		s, err := read(t, tc.file, tc.env)
		if got := slices.Sorted(maps.Keys(s.Excluded)); err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, tc.want)
		}
	}
}

func TestEveryExcludedFeatureIsOne(t *testing.T) {
	s, err := read(t, "", map[string]string{"OCI_TEST_PULL": "0", "OCI_TEST_PUSH": "0", "OCI_TEST_CONTENT_DISCOVERY": "0", "OCI_TEST_CONTENT_MANAGEMENT": "0"})
	if err != nil || len(s.Excluded) < 16 {
		t.Fatalf("got %v, %v", s.Excluded, err)
	}
	for f := range s.Excluded {
		if !slices.Contains(requirement.Features(), f) {
			t.Errorf("%s is no feature", f)
		}
	}
}

func TestErrors(t *testing.T) {
	for want, tc := range map[string]struct {
		file string
		env  map[string]string
	}{
		`environment OCI_TLS: "maybe" is none of enabled, insecure and disabled`: {"", map[string]string{"OCI_TLS": "maybe"}},
		`environment OCI_API_TAGS_LIST: "x" is neither true nor false`:           {"", map[string]string{"OCI_API_TAGS_LIST": "x"}},
		`configuration gone.yaml: no such file or directory`:                     {"", map[string]string{"OCI_CONFIGURATION": "gone.yaml"}},
		`oci-conformance.yaml:2:8: `:                                             {"registry: a\napis: [\n", nil},
	} {
		_, err := read(t, tc.file, tc.env)
		if err == nil || !strings.HasPrefix(err.Error(), strings.Split(want, "2:8")[0]) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	s, err := read(t, "", map[string]string{"OCI_ROOT_URL": "x", "OCI_FILTER_TEST": "y", "OCI_TEST_PULL": "1"})
	want := []string{
		"OCI_ROOT_URL is the former name of OCI_REGISTRY",
		"OCI_TEST_PULL is a name of the former official suite; OCI_API_* and --profile say the same",
		"OCI_FILTER_TEST has no counterpart here and changes nothing",
	}
	if err != nil || !slices.Equal(s.Warnings, want) {
		t.Errorf("got %q, %v", s.Warnings, err)
	}
}

func TestReadOnly(t *testing.T) {
	s, err := read(t, "", map[string]string{"OCI_API_PUSH": "false"})
	if err != nil || s.ReadOnly.Origin != "environment OCI_API_PUSH" {
		t.Errorf("got %+v, %v", s.ReadOnly, err)
	}
}

func TestContent(t *testing.T) {
	s, err := read(t, "roData: {tags: [x, y], manifests: []}\n", map[string]string{"OCI_MANIFEST_DIGEST": "sha256:0"})
	if err != nil || s.Tags != (settings.Value{Text: "x y", Origin: "file oci-conformance.yaml"}) || s.Manifests.Text != "sha256:0" {
		t.Errorf("got %+v, %v", s, err)
	}
	want := []string{
		"OCI_MANIFEST_DIGEST is the former name of OCI_RO_DATA_MANIFESTS",
		"the content that file oci-conformance.yaml names changes nothing unless OCI_API_PUSH is false",
		"the content that environment OCI_MANIFEST_DIGEST names changes nothing unless OCI_API_PUSH is false",
	}
	if !slices.Equal(s.Warnings, want) {
		t.Errorf("warnings %q", s.Warnings)
	}
}
