package dockerconfig_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryconform/conform/cmd/conform/internal/dockerconfig"
)

// helper answers for one registry, refuses one, and knows no other.
const helper = `#!/bin/sh
read host
case $host in
helped.example) echo '{"ServerURL":"x","Username":"h","Secret":"CANARY-H"}' ;;
token.example) echo '{"ServerURL":"x","Username":"<token>","Secret":"CANARY-T"}' ;;
locked.example) echo 'the vault is locked'; exit 1 ;;
*) echo 'credentials not found in native keychain'; exit 1 ;;
esac
`

func TestLookup(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-canary"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	const auths = `"auths": {
		"plain.example": {"auth": "dTpDQU5BUlk6eA=="},
		"https://url.example/v2/": {"username": "u", "password": "p"},
		"port.example:5000": {"identitytoken": "CANARY-I"},
		"bare.example": {},
		"broken.example": {"auth": "CANARY"},
		"https://index.docker.io/v1/": {"auth": "dTpw"}}`
	for name, tc := range map[string]struct {
		config, host string
		want         dockerconfig.Credentials
		err          string
	}{
		"auth":                       {`{` + auths + `}`, "plain.example", dockerconfig.Credentials{Username: "u", Password: "CANARY:x"}, ""},
		"address as key":             {`{` + auths + `}`, "url.example", dockerconfig.Credentials{Username: "u", Password: "p"}, ""},
		"identity token":             {`{` + auths + `}`, "port.example:5000", dockerconfig.Credentials{IdentityToken: "CANARY-I"}, ""},
		"another port":               {`{` + auths + `}`, "port.example:5001", dockerconfig.Credentials{}, ""},
		"hub":                        {`{` + auths + `}`, "registry-1.docker.io", dockerconfig.Credentials{Username: "u", Password: "p"}, ""},
		"nothing for it":             {`{` + auths + `}`, "bare.example", dockerconfig.Credentials{}, ""},
		"not base64":                 {`{` + auths + `}`, "broken.example", dockerconfig.Credentials{}, `auths["broken.example"]: auth is not the base64 of USER:PASSWORD`},
		"store":                      {`{"credsStore":"canary",` + auths + `}`, "helped.example", dockerconfig.Credentials{Username: "h", Password: "CANARY-H"}, ""},
		"store that knows nothing":   {`{"credsStore":"canary",` + auths + `}`, "plain.example", dockerconfig.Credentials{Username: "u", Password: "CANARY:x"}, ""},
		"helper for the host":        {`{"credsStore":"none","credHelpers":{"token.example":"canary"}}`, "token.example", dockerconfig.Credentials{IdentityToken: "CANARY-T"}, ""},
		"helper that fails":          {`{"credsStore":"canary"}`, "locked.example", dockerconfig.Credentials{}, "the vault is locked"},
		"helper that is not there":   {`{"credsStore":"none"}`, "x.example", dockerconfig.Credentials{}, "docker-credential-none: not found"},
		"helper with a path":         {`{"credsStore":"../x"}`, "x.example", dockerconfig.Credentials{}, "not a name"},
		"broken file":                {`{"auths": CANARY`, "x.example", dockerconfig.Credentials{}, "not the JSON of Docker's configuration"},
		"another shape of file":      {`{"auths": "CANARY"}`, "x.example", dockerconfig.Credentials{}, "not the JSON of Docker's configuration"},
		"a file with other settings": {`{"HttpHeaders": {}, "psFormat": "x"}`, "x.example", dockerconfig.Credentials{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(tc.config), 0o600); err != nil {
				t.Fatal(err)
			}
			got, ok, err := dockerconfig.Lookup(t.Context(), dir, tc.host)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "CANARY") {
					t.Fatalf("got error %v, want %q", err, tc.err)
				}
				return
			}
			got.Source = ""
			if err != nil || got != tc.want || ok != (tc.want != dockerconfig.Credentials{}) {
				t.Errorf("got %+v, %v, %v, want %+v", got, ok, err, tc.want)
			}
		})
	}
}

func TestNoFile(t *testing.T) {
	t.Parallel()
	if _, ok, err := dockerconfig.Lookup(t.Context(), t.TempDir(), "x"); ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
}

func TestDir(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", "/somewhere")
	if got := dockerconfig.Dir(); got != "/somewhere" {
		t.Errorf("got %s", got)
	}
}
