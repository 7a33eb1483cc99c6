package azure

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/registryconform/conform/reference/driver"
)

const (
	minChunk = 1 << 10
	maxChunk = 4000 << 20 // the largest block

	defaultChunk      = 4 << 20
	defaultRetries    = 5
	defaultRetryDelay = 100 * time.Millisecond
	defaultRealm      = "core.windows.net"
)

// What CredentialType can be.
const (
	// SharedKey uses AccountKey. It is the default.
	SharedKey = "shared_key"
	// ClientSecret uses TenantID, ClientID and Secret.
	ClientSecret = "client_secret"
	// DefaultCredentials uses what the machine has: an identity of its own,
	// or what its environment variables name. It is the one place where the
	// client library reads the environment.
	DefaultCredentials = "default_credentials"
)

// Parameters are the settings of a [Driver]. In brackets stands the name of a
// setting in a configuration, see [ParseParameters].
type Parameters struct {
	// AccountName is the storage account [accountname].
	AccountName string
	// AccountKey is a key of the account, in base64 [accountkey].
	AccountKey string
	// CredentialType says how requests are authorised; "" means SharedKey
	// [credentials.type].
	CredentialType string
	// TenantID, ClientID and Secret go with ClientSecret, TenantID with
	// DefaultCredentials too [credentials.tenantid, credentials.clientid,
	// credentials.secret].
	TenantID, ClientID, Secret string
	// Credential comes before all these, if set. No configuration names it.
	Credential azcore.TokenCredential

	// Container must exist [container].
	Container string
	// Realm is the domain that the account's host lies in; "" means
	// core.windows.net [realm].
	Realm string
	// ServiceURL is the URL of a server that is not at the account's host in
	// the realm [serviceurl].
	ServiceURL string
	// RootDirectory is what all names of blobs begin with [rootdirectory].
	RootDirectory string
	// SkipVerify trusts any certificate [skipverify].
	SkipVerify bool

	// MaxRetries is how often a request is sent again that failed; 0 means 5,
	// a negative number never [max_retries].
	MaxRetries int
	// RetryDelay is the wait before the first of them, which grows; 0 means
	// 100 ms [retry_delay].
	RetryDelay time.Duration
	// ChunkSize is the size of the first 10000 blocks in bytes, 1 KiB to
	// 4000 MiB; 0 means 4 MiB. A writer holds one block in memory
	// [chunksize].
	ChunkSize int64
}

// ParseParameters reads the parameters of a configuration. Numbers and booleans
// may be strings, as environment variables are. The settings below credentials
// may also stand in the top level, as credentials.type. The error is a
// *[driver.ParameterError] and names the parameter; one that is not known is an
// error.
func ParseParameters(settings map[string]any) (Parameters, error) {
	var p Parameters
	flat, err := flattened(settings)
	if err != nil {
		return p, err
	}
	if err := p.setters().Set(name, flat); err != nil {
		return p, err
	}
	return p.checked()
}

// flattened brings the settings below credentials to the top level.
func flattened(settings map[string]any) (map[string]any, error) {
	flat := maps.Clone(settings)
	delete(flat, "credentials")
	switch below := settings["credentials"].(type) {
	case nil:
	case map[string]any:
		for key, value := range below {
			flat["credentials."+key] = value
		}
	case map[any]any:
		for key, value := range below {
			flat[fmt.Sprint("credentials.", key)] = value
		}
	default:
		return nil, wrong("credentials", fmt.Sprintf("want parameters, not %T", below))
	}
	return flat, nil
}

// Names returns the names of all parameters, sorted.
func Names() []string { return new(Parameters).setters().Names() }

// setters returns for each name what takes its value.
func (p *Parameters) setters() driver.Setters {
	return driver.Setters{
		"accountname":          driver.Text(&p.AccountName),
		"accountkey":           driver.Text(&p.AccountKey),
		"credentials.type":     driver.Text(&p.CredentialType),
		"credentials.tenantid": driver.Text(&p.TenantID),
		"credentials.clientid": driver.Text(&p.ClientID),
		"credentials.secret":   driver.Text(&p.Secret),
		"container":            driver.Text(&p.Container),
		"realm":                driver.Text(&p.Realm),
		"serviceurl":           driver.Text(&p.ServiceURL),
		"rootdirectory":        driver.Text(&p.RootDirectory),
		"skipverify":           driver.Boolean(&p.SkipVerify),
		"max_retries":          p.setRetries,
		"retry_delay":          p.setRetryDelay,
		"chunksize": func(v any) error {
			err := driver.Number(&p.ChunkSize)(v)
			if err == nil && v != nil && p.ChunkSize == 0 {
				p.ChunkSize = -1
			}
			return err
		},
	}
}

func (p *Parameters) setRetries(v any) error {
	n := int64(defaultRetries)
	if err := driver.Number(&n)(v); err != nil {
		return err
	}
	if n < 0 || n > 100 {
		return fmt.Errorf("%d: want 0 to 100", n)
	}
	p.MaxRetries = int(n)
	if n == 0 {
		p.MaxRetries = -1
	}
	return nil
}

func (p *Parameters) setRetryDelay(v any) error {
	var text string
	if err := driver.Text(&text)(v); err != nil || text == "" {
		return err
	}
	delay, err := time.ParseDuration(text)
	if err != nil || delay <= 0 {
		return fmt.Errorf("%q: want a duration, such as 100ms", text)
	}
	p.RetryDelay = delay
	return nil
}

// wrong returns the error of a parameter.
func wrong(parameter, reason string) error {
	return &driver.ParameterError{DriverName: name, Name: parameter, Reason: reason}
}

// checked returns p with its defaults, or a *[driver.ParameterError].
func (p Parameters) checked() (Parameters, error) {
	for _, check := range []func(*Parameters) error{(*Parameters).checkPlace, (*Parameters).checkCredentials, (*Parameters).checkSizes} {
		if err := check(&p); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *Parameters) checkPlace() error {
	if p.AccountName == "" {
		return wrong("accountname", "not given")
	}
	if !regexp.MustCompile(`^[a-z0-9]{3,24}$`).MatchString(p.AccountName) {
		return wrong("accountname", fmt.Sprintf("%q: want 3 to 24 lower-case letters and digits", p.AccountName))
	}
	if p.Container == "" {
		return wrong("container", "not given")
	}
	if !regexp.MustCompile(`^(\$root|[a-z0-9](-?[a-z0-9])+)$`).MatchString(p.Container) || len(p.Container) < 3 || len(p.Container) > 63 {
		return wrong("container", fmt.Sprintf("%q: want 3 to 63 lower-case letters, digits and single hyphens in between", p.Container))
	}
	if p.Realm == "" {
		p.Realm = defaultRealm
	}
	if p.ServiceURL == "" {
		p.ServiceURL = "https://" + p.AccountName + ".blob." + p.Realm
		if u, err := url.Parse(p.ServiceURL); err != nil || u.Host != p.AccountName+".blob."+p.Realm {
			return wrong("realm", fmt.Sprintf("%q: want a domain", p.Realm))
		}
	}
	u, err := url.Parse(p.ServiceURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.User != nil {
		return wrong("serviceurl", "want an http or https URL without a query")
	}
	p.ServiceURL = strings.TrimRight(p.ServiceURL, "/")
	p.RootDirectory = strings.Trim(p.RootDirectory, "/")
	for component := range strings.SplitSeq(p.RootDirectory, "/") {
		if p.RootDirectory != "" && (component == "" || component == "." || component == "..") {
			return wrong("rootdirectory", fmt.Sprintf("%q: empty, . and .. are no components", p.RootDirectory))
		}
	}
	return nil
}

func (p *Parameters) checkCredentials() error {
	if p.CredentialType == "" {
		p.CredentialType = SharedKey
	}
	given := map[string]string{
		"accountkey": p.AccountKey, "credentials.tenantid": p.TenantID,
		"credentials.clientid": p.ClientID, "credentials.secret": p.Secret,
	}
	wanted := map[string][]string{
		SharedKey:          {"accountkey"},
		ClientSecret:       {"credentials.tenantid", "credentials.clientid", "credentials.secret"},
		DefaultCredentials: {},
	}
	needs, ok := wanted[p.CredentialType]
	switch {
	case !ok:
		return wrong("credentials.type", fmt.Sprintf("%q: want %s, %s or %s", p.CredentialType, SharedKey, ClientSecret, DefaultCredentials))
	case p.Credential == nil:
		for _, parameter := range needs {
			if given[parameter] == "" {
				return wrong(parameter, "not given, and credentials.type is "+p.CredentialType)
			}
		}
	}
	if _, err := base64.StdEncoding.DecodeString(p.AccountKey); err != nil {
		return wrong("accountkey", "not in base64")
	}
	if !p.byKey() && strings.HasPrefix(p.ServiceURL, "http:") {
		return wrong("serviceurl", "want https, without which no token is sent")
	}
	return nil
}

// byKey reports whether requests are signed with the key of the account.
func (p *Parameters) byKey() bool { return p.Credential == nil && p.CredentialType == SharedKey }

func (p *Parameters) checkSizes() error {
	if p.MaxRetries == 0 {
		p.MaxRetries = defaultRetries
	}
	if p.RetryDelay == 0 {
		p.RetryDelay = defaultRetryDelay
	}
	if p.RetryDelay < 0 {
		return wrong("retry_delay", "want more than nothing")
	}
	if p.ChunkSize == 0 {
		p.ChunkSize = defaultChunk
	}
	if p.ChunkSize < minChunk || p.ChunkSize > maxChunk {
		return wrong("chunksize", fmt.Sprintf("want %d to %d bytes", minChunk, int64(maxChunk)))
	}
	return nil
}
