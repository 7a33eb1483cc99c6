package config_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/reference/config"
)

const whole = `version: 0.1
log:
  accesslog: {disabled: true}
  level: debug
  formatter: json
  fields: {service: registry, number: 007}
storage:
  s3: &bucket
    region: eu-west-1
    bucket: images
    chunksize: 5242880
    secure: false
    accesskey: 0123
  delete: {enabled: true}
  redirect: {disable: true}
  cache: {blobdescriptor: redis, blobdescriptorsize: 500}
  maintenance:
    uploadpurging: {enabled: true, age: 48h, interval: 1h, dryrun: true}
    readonly: {enabled: true}
http:
  addr: :5000
  debug: {addr: 'localhost:5001'}
  net: tcp
  secret: s3cret
  tls: {certificate: /c.pem, key: /k.pem}
  headers: {X-Content-Type-Options: [nosniff], X-One: one}
redis:
  addrs: [localhost:6379, other:6379]
  username: u
  password: 00
  db: 3
  dialtimeout: 10ms
  pool: {maxactive: 64}
compatibility: {schema1: {enabled: true}}
validation:
  manifests:
    urls: {allow: ['^https://a/'], deny: ['^https://a/b']}
    indexes:
      platforms: list
      platformlist: [{architecture: amd64, os: linux}, {os: windows}]
catalog: {maxentries: 7}
`

func parse(t *testing.T, text string, environ ...string) *config.Config {
	t.Helper()
	c, err := config.Parse("conf.yml", []byte(text), environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhole(t *testing.T) {
	t.Parallel()
	want := &config.Config{
		Storage: config.Storage{
			Driver: "s3", Parameters: map[string]any{
				"region": "eu-west-1", "bucket": "images", "chunksize": "5242880", "secure": "false", "accesskey": "0123",
			},
			Delete: true, NoRedirect: true, Cache: "redis", CacheSize: 500, ReadOnly: true,
			Purging: config.Purging{Enabled: true, Age: 48 * time.Hour, Interval: time.Hour, DryRun: true},
		},
		Log: config.Log{Level: "debug", JSON: true, Fields: map[string]string{"service": "registry", "number": "007"}, NoAccess: true},
		HTTP: config.HTTP{
			Addr: ":5000", DebugAddr: "localhost:5001", Secret: "s3cret", CertFile: "/c.pem", KeyFile: "/k.pem",
			Headers: map[string][]string{"X-Content-Type-Options": {"nosniff"}, "X-One": {"one"}},
		},
		Redis: config.Redis{
			Addrs: []string{"localhost:6379", "other:6379"}, Username: "u", Password: "00", DB: 3,
			DialTimeout: 10 * time.Millisecond, PoolSize: 64,
		},
		Compatibility: config.Compatibility{Schema1: true},
		Validation: config.Validation{
			AllowURLs: []string{"^https://a/"}, DenyURLs: []string{"^https://a/b"}, Platforms: "list",
			PlatformList: []config.Platform{{Architecture: "amd64", OS: "linux"}, {OS: "windows"}},
		},
		CatalogMax: 7,
	}
	got := parse(t, whole)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if err := got.Servable(); err != nil {
		t.Error(err)
	}
}

// small is the least configuration.
const small = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /data\n"

func TestDefaults(t *testing.T) {
	t.Parallel()
	want := &config.Config{Storage: config.Storage{
		Driver: "filesystem", Parameters: map[string]any{"rootdirectory": "/data"},
		Purging: config.Purging{Enabled: true, Age: 168 * time.Hour, Interval: 24 * time.Hour},
	}}
	if got := parse(t, small); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, storage := range []string{"inmemory: {}", "inmemory:", "inmemory: ~"} {
		if got := parse(t, "version: 0.1\nstorage:\n  "+storage); got.Storage.Driver != "inmemory" {
			t.Errorf("%s: the driver is %q", storage, got.Storage.Driver)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got := parse(t, small,
		"PATH=/bin", "REGISTRY_LOG_LEVEL=error", "REGISTRY_STORAGE=azure", "REGISTRY_STORAGE_AZURE_ACCOUNTNAME=account",
		"REGISTRY_STORAGE_AZURE_MAX_RETRIES=7", "REGISTRY_STORAGE_AZURE_CREDENTIALS_TYPE=client_secret",
		"REGISTRY_STORAGE_AZURE_ACCOUNTKEY=[a]", "REGISTRY_STORAGE_DELETE_ENABLED=true", "REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR=inmemory",
		"REGISTRY_STORAGE_MAINTENANCE_READONLY={enabled: true}", "REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE=12h",
		"REGISTRY_HTTP_ADDR=127.0.0.1:5000", "REGISTRY_HTTP_SECRET={x", "REGISTRY_HTTP_HEADERS={X-A: [b, c]}",
		"REGISTRY_REDIS_ADDRS=[a:1, b:2]", "REGISTRY_REDIS_ADDRS_1=c:3", "REGISTRY_REDIS_ADDRS_2=d:4", "REGISTRY_REDIS_DB=2",
		"REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW_0=^https", "REGISTRY_PORT_5000_TCP=tcp://10.0.0.1:5000",
		"REGISTRY_STORAGE_AZURE_CONTAINER=", "REGISTRY_AUTH=", "REGISTRY_REDIS_DB_X=",
	)
	want := &config.Config{
		Storage: config.Storage{
			Driver: "azure", Parameters: map[string]any{
				"accountname": "account", "max_retries": "7", "credentials.type": "client_secret", "accountkey": "[a]",
			},
			Delete: true, Cache: "inmemory", ReadOnly: true,
			Purging: config.Purging{Enabled: true, Age: 12 * time.Hour, Interval: 24 * time.Hour},
		},
		Log:        config.Log{Level: "error"},
		HTTP:       config.HTTP{Addr: "127.0.0.1:5000", Secret: "{x", Headers: map[string][]string{"X-A": {"b", "c"}}},
		Redis:      config.Redis{Addrs: []string{"a:1", "c:3", "d:4"}, DB: 2},
		Validation: config.Validation{AllowURLs: []string{"^https"}},
		Ignored:    []config.Notice{{Name: "REGISTRY_PORT_5000_TCP", Reason: "names no key of a configuration; it is ignored"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestOldCacheKey takes layerinfo for blobdescriptor, which wins, and says that
// it is deprecated.
// It shows S-069.
func TestOldCacheKey(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"layerinfo: redis": "redis",
		"layerinfo: redis\n    blobdescriptor: inmemory": "inmemory",
		"blobdescriptor: inmemory\n    layerinfo: redis": "inmemory",
	} {
		c := parse(t, small+"  cache:\n    "+text+"\n")
		if c.Storage.Cache != want || len(c.Ignored) != 1 || !strings.Contains(c.Ignored[0].String(), "storage.cache.layerinfo: deprecated") {
			t.Errorf("%q: cache %q, notices %v", text, c.Storage.Cache, c.Ignored)
		}
	}
}

func TestWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, variable, want string }{
		{"", "", "conf.yml: want a configuration: version and storage"},
		{"a: [", "", "conf.yml:1:4: sequence end token ']' not found"},
		{"storage: {}", "", "conf.yml:1:1: version: not given; want 0.1"},
		{"version: 0.2", "", `conf.yml:1:10: version: "0.2": want 0.1`},
		{small + "httpp:\n  addr: x\n", "", "conf.yml:5:1: httpp: not known; the keys are catalog, compatibility, http, log, loglevel, redis, storage, validation, version"},
		{small + "http:\n  adr: x\n", "", "conf.yml:6:3: http.adr: not known; the keys are addr, debug, headers, net, secret, tls"},
		{small + "http: x\n", "", "conf.yml:5:7: http: want keys, not text"},
		{small + "http:\n  addr: [x]\n", "", "conf.yml:6:9: http.addr: want one value, not a list"},
		{small + "log:\n  level: loud\n", "", `conf.yml:6:10: log.level: "loud": want error or warn or info or debug`},
		{small + "  s3:\n    bucket: b\n", "", "conf.yml:6:5: storage.s3: a second driver, after filesystem"},
		{small + "  delete:\n    enabled: maybe\n", "", `conf.yml:6:14: storage.delete.enabled: "maybe": want true or false`},
		{small + "  swift:\n    a: b\n", "", "conf.yml:5:3: storage.swift: not known; the keys are azure, cache, delete, filesystem, inmemory, maintenance, redirect, s3, s3aws"},
		{small + "  cache:\n    blobdescriptor: disk\n", "", `conf.yml:6:21: storage.cache.blobdescriptor: "disk": want inmemory or redis`},
		{small + "redis:\n  db: -1\n", "", `conf.yml:6:7: redis.db: "-1": want a whole number`},
		{small + "redis:\n  dialtimeout: soon\n", "", `conf.yml:6:16: redis.dialtimeout: "soon": want a time, such as 24h`},
		{small + "validation:\n  manifests:\n    urls:\n      allow: ['(']\n", "", `conf.yml:8:14: validation.manifests.urls.allow: "(": not a regular expression`},
		{small + "http:\n  headers:\n    'X Y': [z]\n", "", "not a header"},
		{"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: *z\n", "", "conf.yml:4:4: no anchor of that name"},
		{"a: &a [" + strings.Repeat("x,", 200) + "]\nb: [" + strings.Repeat("*a,", 200) + "]\n", "", "too deep, or too much"},
		{small, "REGISTRY_LOG_LEVEL=loud", `REGISTRY_LOG_LEVEL: "loud": want error or warn or info or debug`},
		{small, "REGISTRY_STORAGE=swift", `REGISTRY_STORAGE: "swift": want one of azure, filesystem, inmemory, s3, s3aws`},
		{small, "REGISTRY_STORAGE_S3_BUCKET=b", "REGISTRY_STORAGE_S3_BUCKET: a second driver, after filesystem"},
	} {
		_, err := config.Parse("conf.yml", []byte(c.text), []string{c.variable})
		wrong, ok := errors.AsType[*config.Error](err)
		if !ok || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q %s:\n  %v\n  want %s", c.text, c.variable, err, c.want)
			continue
		}
		if wrong.Line > 0 && !strings.Contains(wrong.Excerpt, "^") {
			t.Errorf("%q: no caret in the excerpt %q", c.text, wrong.Excerpt)
		}
	}
}

// TestRefused demands that what guards a registry is not left out unseen.
func TestRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"auth:\n  htpasswd: {realm: r, path: /p}\n": "conf.yml:5:1: auth: this registry can't ask for logins",
		"proxy:\n  remoteurl: https://x\n":          "conf.yml:5:1: proxy: ",
		"http:\n  prefix: /x/\n":                    "conf.yml:6:3: http.prefix: ",
		"http:\n  tls:\n    clientcas: [x]\n":       "conf.yml:7:5: http.tls.clientcas: ",
	} {
		if err := parse(t, small+text).Servable(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
	c := parse(t, small, "REGISTRY_AUTH_TOKEN_REALM=https://x")
	if err := c.Servable(); err == nil || !strings.HasPrefix(err.Error(), "REGISTRY_AUTH_TOKEN_REALM: ") {
		t.Errorf("a variable: %v", err)
	}
	if err := parse(t, small+"auth:\nproxy: ~\n").Servable(); err != nil {
		t.Errorf("sections without a word in them: %v", err)
	}
}

// TestNotices tells of each key that does nothing, and where it stands.
func TestNotices(t *testing.T) {
	t.Parallel()
	c := parse(t, small+"    maxthreads: 100\n  tag: {concurrencylimit: 8}\nhealth: {storagedriver: {enabled: true}}\nhttp:\n  debug: {addr: :5001, prometheus: {enabled: true}}\n")
	var got []string
	for _, n := range c.Ignored {
		got = append(got, strings.SplitAfterN(n.String(), ": ", 3)[0]+n.Name)
	}
	want := []string{
		"conf.yml:5:5: storage.filesystem.maxthreads", "conf.yml:6:3: storage.tag", "conf.yml:7:1: health", "conf.yml:9:24: http.debug.prometheus",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// TestReal reads each configuration that distribution comes with.
func TestReal(t *testing.T) {
	t.Parallel()
	command := exec.Command("go", "mod", "download", "-json", "github.com/distribution/distribution/v3")
	command.Dir = filepath.Join(need.Root(t), "drivertest", "upstream")
	out, err := command.Output()
	var module struct{ Dir string }
	if err == nil {
		err = json.Unmarshal(out, &module)
	}
	if err != nil {
		need.Missing(t, "the source of distribution", "go mod download in drivertest/upstream: "+err.Error())
	}
	var files []string
	for _, pattern := range []string{"cmd/registry/*.yml", "tests/conf-*.yml"} {
		some, err := filepath.Glob(filepath.Join(module.Dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, some...)
	}
	if len(files) < 5 {
		t.Fatalf("distribution comes with %d configurations: %q", len(files), files)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := config.Parse(filepath.Base(file), content, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		if c.Storage.Driver == "" || c.HTTP.Addr != ":5000" {
			t.Errorf("%s: %+v", file, c)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(whole, "REGISTRY_HTTP_ADDR=x")
	f.Add(small+"a: &a [*a]\n", "REGISTRY_STORAGE={s3: {bucket: b}}")
	f.Fuzz(func(t *testing.T, text, variable string) {
		if c, err := config.Parse("f", []byte(text), []string{variable}); (c == nil) == (err == nil) {
			t.Errorf("%v, %v", c, err)
		}
	})
}
