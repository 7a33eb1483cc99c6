package azure_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/azure"
)

const secret = "dmVyeS1zZWNyZXQ="

func TestParameters(t *testing.T) {
	t.Parallel()
	p, err := azure.ParseParameters(map[string]any{
		"accountname": "account", "accountkey": secret, "container": "some-container", "realm": "core.chinacloudapi.cn",
		"rootdirectory": "/a/b/", "max_retries": "7", "retry_delay": "250ms", "skipverify": "true", "chunksize": uint64(8 << 20),
		"credentials": map[string]any{"type": "shared_key"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := azure.Parameters{
		AccountName: "account", AccountKey: secret, CredentialType: azure.SharedKey, Container: "some-container",
		Realm: "core.chinacloudapi.cn", ServiceURL: "https://account.blob.core.chinacloudapi.cn", RootDirectory: "a/b",
		SkipVerify: true, MaxRetries: 7, RetryDelay: 250 * time.Millisecond, ChunkSize: 8 << 20,
	}
	if p != want {
		t.Errorf("parameters are %+v; want %+v", p, want)
	}
}

// TestDefaults demands what a configuration that says little means.
func TestDefaults(t *testing.T) {
	t.Parallel()
	p, err := azure.ParseParameters(map[string]any{
		"accountname": 12345, "container": "conform", "max_retries": 0,
		"credentials": map[any]any{"type": "client_secret", "tenantid": "t", "clientid": "c", "secret": "s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := azure.Parameters{
		AccountName: "12345", CredentialType: azure.ClientSecret, TenantID: "t", ClientID: "c", Secret: "s",
		Container: "conform", Realm: "core.windows.net", ServiceURL: "https://12345.blob.core.windows.net",
		MaxRetries: -1, RetryDelay: 100 * time.Millisecond, ChunkSize: 4 << 20,
	}
	if p != want {
		t.Errorf("parameters are %+v; want %+v", p, want)
	}
	for _, kind := range []string{"client_secret", "default_credentials"} {
		p.CredentialType, p.TenantID = kind, "tenant"
		if _, err := azure.New(p); err != nil {
			t.Errorf("New with %s: %v", kind, err)
		}
	}
}

// TestWrongParameters demands an error that names the parameter, and no secret.
func TestWrongParameters(t *testing.T) {
	t.Parallel()
	type all = map[string]any
	for _, c := range []struct {
		name  string
		value any
		also  all
	}{
		{name: "accountname", value: ""},
		{name: "accountname", value: "With-Hyphen"},
		{name: "accountkey", value: ""},
		{name: "accountkey", value: "very-secret!"},
		{name: "container", value: ""},
		{name: "container", value: "UPPER"},
		{name: "container", value: "a--b"},
		{name: "container", value: []string{"b"}},
		{name: "realm", value: "a/b"},
		{name: "serviceurl", value: "ftp://host"},
		{name: "serviceurl", value: "http://"},
		{name: "serviceurl", value: "http://host/?sig=very-secret"},
		{name: "serviceurl", value: "http://host", also: all{"credentials": all{"type": "default_credentials"}}},
		{name: "credentials", value: "shared_key"},
		{name: "credentials.type", value: "magic"},
		{name: "credentials.secret", value: "", also: all{"credentials": all{"type": "client_secret", "tenantid": "t", "clientid": "c"}}},
		{name: "credentials.clientid", value: "", also: all{"credentials": all{"type": "client_secret", "tenantid": "t", "secret": "very-secret"}}},
		{name: "credentials.kind", value: "shared_key"},
		{name: "rootdirectory", value: "a/../b"},
		{name: "rootdirectory", value: "a//b"},
		{name: "skipverify", value: "maybe"},
		{name: "max_retries", value: "many"},
		{name: "max_retries", value: -1},
		{name: "retry_delay", value: "100"},
		{name: "retry_delay", value: "-1s"},
		{name: "chunksize", value: 1023},
		{name: "chunksize", value: 0},
		{name: "chunksize", value: int64(5000) << 20},
		{name: "bucket", value: "b"},
	} {
		settings := all{"accountname": "account", "accountkey": secret, "container": "conform"}
		maps.Copy(settings, c.also)
		settings[c.name] = c.value
		_, err := azure.ParseParameters(settings)
		wrong, ok := errors.AsType[*driver.ParameterError](err)
		if !ok || wrong.Name != c.name {
			t.Errorf("%s = %v: error is %v", c.name, c.value, err)
			continue
		}
		if strings.Contains(err.Error(), "very-secret") || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s = %v: the error is %q", c.name, c.value, err)
		}
	}
}
