package azure

import (
	"context"
	"crypto/tls"
	"net/http"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
)

const (
	// maxRetryDelay bounds the wait between two tries of a request.
	maxRetryDelay = 2 * time.Second
	// idleConnections are kept for a server.
	idleConnections = 16

	// redirectLife is how long a URL of RedirectURL can be used, skew how
	// far the server's clock may be behind.
	redirectLife = 20 * time.Minute
	skew         = 5 * time.Minute
	// delegation is how long a key is asked for that signs such URLs.
	delegation = 6 * time.Hour
)

// open returns the client of the container, and what signs redirects to it.
func (p Parameters) open() (*container.Client, signer, error) {
	where := p.ServiceURL + "/" + p.Container
	if p.byKey() {
		key, err := container.NewSharedKeyCredential(p.AccountName, p.AccountKey)
		if err != nil {
			return nil, nil, wrong("accountkey", "no key")
		}
		c, err := container.NewClientWithSharedKeyCredential(where, key, &container.ClientOptions{ClientOptions: p.clientOptions()})
		return c, keySigner{p, key}, err
	}
	token, err := p.token()
	if err != nil {
		return nil, nil, wrong("credentials.type", err.Error())
	}
	c, err := container.NewClient(where, token, &container.ClientOptions{ClientOptions: p.clientOptions()})
	if err != nil {
		return nil, nil, err
	}
	s, err := service.NewClient(p.ServiceURL, token, &service.ClientOptions{ClientOptions: p.clientOptions()})
	return c, &delegatedSigner{p: p, turn: make(chan struct{}, 1), service: s}, err
}

func (p Parameters) clientOptions() azcore.ClientOptions {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = idleConnections
	if p.SkipVerify {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	}
	return azcore.ClientOptions{
		Transport:        &http.Client{Transport: transport},
		Retry:            policy.RetryOptions{MaxRetries: int32(p.MaxRetries), RetryDelay: p.RetryDelay, MaxRetryDelay: maxRetryDelay},
		PerRetryPolicies: []policy.Policy{countLost{}},
	}
}

func (p Parameters) token() (azcore.TokenCredential, error) {
	switch {
	case p.Credential != nil:
		return p.Credential, nil
	case p.CredentialType == ClientSecret:
		return azidentity.NewClientSecretCredential(p.TenantID, p.ClientID, p.Secret, nil)
	}
	return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{TenantID: p.TenantID})
}

// lostKey is the key in a context of an *int that counts how often nobody can tell
// what became of a request.
type lostKey struct{}

type countLost struct{}

func (countLost) Do(r *policy.Request) (*http.Response, error) {
	out, err := r.Next()
	if n, ok := r.Raw().Context().Value(lostKey{}).(*int); ok {
		if err != nil || slices.Contains([]int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout}, out.StatusCode) {
			*n++
		}
	}
	return out, err
}

// A signer signs URLs from which a blob can be read.
type signer interface {
	// sign returns the query of a URL.
	sign(ctx context.Context, key string) (query string, err error)
}

// grant returns what such a URL grants from now on.
func (p Parameters) grant(key string) sas.BlobSignatureValues {
	protocol := sas.ProtocolHTTPS
	if p.ServiceURL[:5] == "http:" {
		protocol = sas.ProtocolHTTPSandHTTP
	}
	now := time.Now().UTC()
	return sas.BlobSignatureValues{
		Protocol: protocol, StartTime: now.Add(-skew), ExpiryTime: now.Add(redirectLife),
		Permissions:   to.Ptr(sas.BlobPermissions{Read: true}).String(),
		ContainerName: p.Container, BlobName: key,
	}
}

// A keySigner signs with the key of the account.
type keySigner struct {
	p   Parameters
	key *container.SharedKeyCredential
}

func (s keySigner) sign(_ context.Context, key string) (string, error) {
	q, err := s.p.grant(key).SignWithSharedKey(s.key)
	return q.Encode(), err
}

// A delegatedSigner signs with a key that the server hands out for some hours to
// those who have a token.
type delegatedSigner struct {
	p       Parameters
	service *service.Client

	turn  chan struct{} // has room for the one that uses what follows
	key   *service.UserDelegationCredential
	until time.Time
}

func (s *delegatedSigner) sign(ctx context.Context, key string) (string, error) {
	delegated, err := s.current(ctx)
	if err != nil {
		return "", err
	}
	q, err := s.p.grant(key).SignWithUserDelegation(delegated)
	return q.Encode(), err
}

// current returns a key that outlives what is signed now.
func (s *delegatedSigner) current(ctx context.Context) (*service.UserDelegationCredential, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.turn }()
	now := time.Now().UTC()
	if s.key != nil && now.Add(redirectLife+skew).Before(s.until) {
		return s.key, nil
	}
	until := now.Add(delegation)
	key, err := s.service.GetUserDelegationCredential(ctx, service.KeyInfo{
		Start: to.Ptr(now.Add(-skew).Format(sas.TimeFormat)), Expiry: to.Ptr(until.Format(sas.TimeFormat)),
	}, nil)
	if err != nil {
		return nil, err
	}
	s.key, s.until = key, until
	return key, nil
}

// lasting returns a context that outlives ctx, for clean-up and for writes of a
// writer, which has no other; n are the bytes to be sent.
func lasting(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Minute+time.Duration(n>>16)*time.Second)
}
