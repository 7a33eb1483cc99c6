package s3

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
)

const (
	// attempts bounds how often a call is made before its failure counts.
	attempts = 4
	// defaultBackoff bounds the wait between two of them.
	defaultBackoff = 2 * time.Second
	// idleConnections are kept for a server.
	idleConnections = 16
)

func newClient(p Parameters) *s3.Client {
	o := s3.Options{
		Region:           p.Region,
		Credentials:      p.credentials(),
		HTTPClient:       p.httpClient(),
		UsePathStyle:     p.ForcePathStyle,
		UseAccelerate:    p.Accelerate,
		RetryMaxAttempts: attempts,
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff, o.RateLimiter = attempts, p.backoff(), ratelimit.None
		}),
		// Servers other than Amazon's often refuse what goes beyond the
		// signature, which covers the payload all the same.
		RequestChecksumCalculation:                aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation:                aws.ResponseChecksumValidationWhenRequired,
		DisableLogOutputChecksumValidationSkipped: true,
	}
	if p.RegionEndpoint == "" {
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
		o.EndpointOptions.DisableHTTPS = !*p.Secure
		if p.UseDualStack {
			o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
		}
	} else {
		o.BaseEndpoint = aws.String(p.endpoint())
	}
	if p.UserAgent != "" {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return awsmiddleware.AddUserAgentKey(p.UserAgent)(stack)
		})
	}
	return s3.New(o)
}

func (p Parameters) backoff() time.Duration {
	if p.MaxBackoff > 0 {
		return p.MaxBackoff
	}
	return defaultBackoff
}

// endpoint returns the URL of a server that is not Amazon's.
func (p Parameters) endpoint() string {
	switch {
	case strings.Contains(p.RegionEndpoint, "://"):
		return p.RegionEndpoint
	case *p.Secure:
		return "https://" + p.RegionEndpoint
	}
	return "http://" + p.RegionEndpoint
}

func (p Parameters) credentials() aws.CredentialsProvider {
	switch {
	case p.Credentials != nil:
		return p.Credentials
	case p.AccessKey != "":
		return credentials.NewStaticCredentialsProvider(p.AccessKey, p.SecretKey, p.SessionToken)
	}
	return aws.NewCredentialsCache(ec2rolecreds.New())
}

func (p Parameters) httpClient() s3.HTTPClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = idleConnections
		if p.SkipVerify {
			if t.TLSClientConfig == nil {
				t.TLSClientConfig = &tls.Config{}
			}
			t.TLSClientConfig.InsecureSkipVerify = true
		}
	})
}

// lasting returns a context that outlives ctx, for clean-up and for writes of a
// writer, which has no other; n are the bytes to be sent.
func lasting(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Minute+time.Duration(n>>16)*time.Second)
}
