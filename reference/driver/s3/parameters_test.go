package s3_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/s3"
)

func TestParameters(t *testing.T) {
	t.Parallel()
	p, err := s3.ParseParameters(map[string]any{
		"bucket": "b", "regionendpoint": "localhost:9000", "secure": "false", "accesskey": 1234, "secretkey": "s",
		"chunksize": "5242880", "multipartcopychunksize": 6 << 20, "multipartcopymaxconcurrency": float64(7),
		"multipartcopythresholdsize": uint64(9), "forcepathstyle": "true", "encrypt": true, "rootdirectory": "/a/b/",
		"storageclass": "NONE", "v4auth": "true", "loglevel": "off",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := s3.Parameters{
		AccessKey: "1234", SecretKey: "s", Region: "us-east-1", RegionEndpoint: "localhost:9000", Bucket: "b",
		RootDirectory: "a/b", ForcePathStyle: true, Secure: p.Secure, Encrypt: true, ChunkSize: 5 << 20,
		MultipartCopyChunkSize: 6 << 20, MultipartCopyConcurrency: 7, MultipartCopyThreshold: 9,
	}
	if p != want || p.Secure == nil || *p.Secure {
		t.Errorf("parameters are %+v; want %+v", p, want)
	}
}

// TestWrongParameters demands an error that names the parameter, and no secret.
func TestWrongParameters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		value any
		also  map[string]any
	}{
		{name: "bucket", value: ""},
		{name: "bucket", value: []string{"b"}},
		{name: "region", value: "", also: map[string]any{"regionendpoint": ""}},
		{name: "regionendpoint", value: "ftp://host"},
		{name: "regionendpoint", value: "http://"},
		{name: "regionendpoint", value: "localhost", also: map[string]any{"accelerate": "true"}},
		{name: "secretkey", value: ""},
		{name: "accesskey", value: ""},
		{name: "sessiontoken", value: "t", also: map[string]any{"accesskey": "", "secretkey": ""}},
		{name: "chunksize", value: 5<<20 - 1},
		{name: "chunksize", value: "0"},
		{name: "chunksize", value: "ten"},
		{name: "chunksize", value: "5242880k"},
		{name: "chunksize", value: 5.5e6 + .5},
		{name: "chunksize", value: uint64(1) << 63},
		{name: "chunksize", value: true},
		{name: "multipartcopychunksize", value: 1},
		{name: "multipartcopythresholdsize", value: -1},
		{name: "multipartcopymaxconcurrency", value: 0},
		{name: "multipartcopymaxconcurrency", value: "100000"},
		{name: "secure", value: "yes"},
		{name: "secure", value: 1},
		{name: "v4auth", value: "false"},
		{name: "loglevel", value: "debug"},
		{name: "keyid", value: "k"},
		{name: "storageclass", value: "COLD"},
		{name: "objectacl", value: "open"},
		{name: "rootdirectory", value: "a/../b"},
		{name: "rootdirectory", value: "a//b"},
		{name: "buckets", value: "b"},
	} {
		settings := map[string]any{
			"bucket": "b", "regionendpoint": "http://localhost", "accesskey": "key", "secretkey": "very-secret",
		}
		maps.Copy(settings, c.also)
		settings[c.name] = c.value
		_, err := s3.ParseParameters(settings)
		wrong, ok := errors.AsType[*driver.ParameterError](err)
		if !ok || wrong.Name != c.name {
			t.Errorf("%s = %v: error is %v", c.name, c.value, err)
			continue
		}
		if strings.Contains(err.Error(), "very-secret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s = %v: the error is %q", c.name, c.value, err)
		}
	}
}
