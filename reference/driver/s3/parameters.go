package s3

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/registryconform/conform/reference/driver"
)

const (
	minChunk = 5 << 20 // the smallest part that S3 takes, the last aside
	maxChunk = 5 << 30 // the largest part, and the largest object of one copy

	defaultChunk           = 10 << 20
	defaultCopyChunk       = 32 << 20
	defaultCopyThreshold   = 32 << 20
	defaultCopyConcurrency = 100
	maxCopyConcurrency     = 1000

	// defaultRegion is what servers other than Amazon's are called with.
	defaultRegion = "us-east-1"
)

// Parameters are the settings of a [Driver]. In brackets stands the name of a
// setting in a configuration, see [ParseParameters].
type Parameters struct {
	// AccessKey and SecretKey [accesskey, secretkey] go together. Without
	// them, and without Credentials, the role of the machine is used.
	AccessKey, SecretKey string
	// SessionToken goes with temporary keys [sessiontoken].
	SessionToken string
	// Credentials come before the keys, if set. No configuration names it.
	Credentials aws.CredentialsProvider

	// Region [region] is needed unless there is a RegionEndpoint.
	Region string
	// RegionEndpoint is the URL, or the host, of a server that is not
	// Amazon's [regionendpoint].
	RegionEndpoint string
	// Bucket must exist [bucket].
	Bucket string
	// RootDirectory is what all keys begin with [rootdirectory].
	RootDirectory string
	// ForcePathStyle puts the bucket into the path of URLs, not into the
	// host [forcepathstyle]. For an IP address that is always so.
	ForcePathStyle bool
	// Secure uses TLS where the endpoint is no URL; nil means true [secure].
	Secure *bool
	// SkipVerify trusts any certificate [skipverify].
	SkipVerify bool
	// UseDualStack and Accelerate choose other endpoints of Amazon's
	// [usedualstack, accelerate].
	UseDualStack, Accelerate bool
	// UserAgent is added to that of the requests [useragent].
	UserAgent string

	// Encrypt has the server encrypt objects, with the KMS key KeyID if it
	// is given [encrypt, keyid].
	Encrypt bool
	KeyID   string
	// StorageClass of objects; "" and NONE mean the bucket's [storageclass].
	StorageClass string
	// ObjectACL of objects; "" means the bucket's, private in general
	// [objectacl].
	ObjectACL string

	// ChunkSize is the size of parts in bytes, 5 MiB to 5 GiB; 0 means
	// 10 MiB. A writer holds one part in memory, and an object has 10000 at
	// most [chunksize].
	ChunkSize int64
	// MultipartCopyThreshold is the size of the largest object that one
	// request copies; 0 means 32 MiB [multipartcopythresholdsize].
	MultipartCopyThreshold int64
	// MultipartCopyChunkSize is the size of the parts of larger ones; 0
	// means 32 MiB [multipartcopychunksize].
	MultipartCopyChunkSize int64
	// MultipartCopyConcurrency is how many parts are copied at a time; 0
	// means 100 [multipartcopymaxconcurrency].
	MultipartCopyConcurrency int

	// MaxBackoff bounds the wait before a call that failed is made again; 0
	// means 2 seconds. No configuration names it.
	MaxBackoff time.Duration
}

// ParseParameters reads the parameters of a configuration. Numbers and booleans
// may be strings, as environment variables are. The error is a
// *[driver.ParameterError] and names the parameter; one that is not known is an
// error.
func ParseParameters(settings map[string]any) (Parameters, error) {
	var p Parameters
	if err := p.setters().Set(name, settings); err != nil {
		return p, err
	}
	return p.checked()
}

// Names returns the names of all parameters, sorted.
func Names() []string { return new(Parameters).setters().Names() }

// setters returns for each name what takes its value.
func (p *Parameters) setters() driver.Setters {
	secure, v4 := true, true
	var copies int64
	return driver.Setters{
		"accesskey":      driver.Text(&p.AccessKey),
		"secretkey":      driver.Text(&p.SecretKey),
		"sessiontoken":   driver.Text(&p.SessionToken),
		"region":         driver.Text(&p.Region),
		"regionendpoint": driver.Text(&p.RegionEndpoint),
		"bucket":         driver.Text(&p.Bucket),
		"rootdirectory":  driver.Text(&p.RootDirectory),
		"useragent":      driver.Text(&p.UserAgent),
		"keyid":          driver.Text(&p.KeyID),
		"storageclass":   driver.Text(&p.StorageClass),
		"objectacl":      driver.Text(&p.ObjectACL),
		"forcepathstyle": driver.Boolean(&p.ForcePathStyle),
		"encrypt":        driver.Boolean(&p.Encrypt),
		"skipverify":     driver.Boolean(&p.SkipVerify),
		"usedualstack":   driver.Boolean(&p.UseDualStack),
		"accelerate":     driver.Boolean(&p.Accelerate),
		"chunksize":      number(&p.ChunkSize),
		"secure": func(v any) error {
			p.Secure = &secure
			return driver.Boolean(p.Secure)(v)
		},
		"v4auth": func(v any) error {
			if err := driver.Boolean(&v4)(v); err != nil || v4 {
				return err
			}
			return errors.New("signatures of version 2 are not supported")
		},
		"loglevel": func(v any) error {
			if v != "off" {
				return fmt.Errorf("%v: requests are not logged; want off", v)
			}
			return nil
		},
		"multipartcopychunksize":     number(&p.MultipartCopyChunkSize),
		"multipartcopythresholdsize": number(&p.MultipartCopyThreshold),
		"multipartcopymaxconcurrency": func(v any) error {
			err := number(&copies)(v)
			if err == nil && (copies < 1 || copies > maxCopyConcurrency) {
				err = fmt.Errorf("%d: want 1 to %d", copies, maxCopyConcurrency)
			}
			p.MultipartCopyConcurrency = int(copies)
			return err
		},
	}
}

// number takes a number. What a configuration says is meant, so that 0 is no
// default.
func number(to *int64) func(any) error {
	return func(v any) error {
		err := driver.Number(to)(v)
		if v != nil && *to == 0 {
			*to = -1
		}
		return err
	}
}

// wrong returns the error of a parameter.
func wrong(parameter, reason string) error {
	return &driver.ParameterError{DriverName: name, Name: parameter, Reason: reason}
}

// checked returns p with its defaults, or a *[driver.ParameterError].
func (p Parameters) checked() (Parameters, error) {
	for _, check := range []func(*Parameters) error{
		(*Parameters).checkPlace, (*Parameters).checkKeys, (*Parameters).checkObjects, (*Parameters).checkSizes,
	} {
		if err := check(&p); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *Parameters) checkPlace() error {
	if p.Secure == nil {
		p.Secure = aws.Bool(true)
	}
	if p.Bucket == "" {
		return wrong("bucket", "not given")
	}
	if p.Region == "" {
		if p.RegionEndpoint == "" {
			return wrong("region", "not given, and neither is regionendpoint")
		}
		p.Region = defaultRegion
	}
	if p.RegionEndpoint != "" {
		u, err := url.Parse(p.endpoint())
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
			return wrong("regionendpoint", fmt.Sprintf("%q: want a host or an http or https URL", p.RegionEndpoint))
		}
		if p.Accelerate || p.UseDualStack {
			return wrong("regionendpoint", "goes with neither accelerate nor usedualstack")
		}
	}
	p.RootDirectory = strings.Trim(p.RootDirectory, "/")
	for component := range strings.SplitSeq(p.RootDirectory, "/") {
		if p.RootDirectory != "" && (component == "" || component == "." || component == "..") {
			return wrong("rootdirectory", fmt.Sprintf("%q: empty, . and .. are no components", p.RootDirectory))
		}
	}
	return nil
}

func (p *Parameters) checkKeys() error {
	switch {
	case p.AccessKey == "" && p.SecretKey != "":
		return wrong("accesskey", "not given, but secretkey is")
	case p.AccessKey != "" && p.SecretKey == "":
		return wrong("secretkey", "not given, but accesskey is")
	case p.SessionToken != "" && p.AccessKey == "":
		return wrong("sessiontoken", "needs accesskey and secretkey")
	case p.KeyID != "" && !p.Encrypt:
		return wrong("keyid", "needs encrypt")
	}
	return nil
}

func (p *Parameters) checkObjects() error {
	if p.StorageClass == "NONE" {
		p.StorageClass = ""
	}
	class, acl := types.StorageClass(p.StorageClass), types.ObjectCannedACL(p.ObjectACL)
	if class != "" && !slices.Contains(class.Values(), class) {
		return wrong("storageclass", fmt.Sprintf("%q: want NONE or one of %v", class, class.Values()))
	}
	if acl != "" && !slices.Contains(acl.Values(), acl) {
		return wrong("objectacl", fmt.Sprintf("%q: want one of %v", acl, acl.Values()))
	}
	return nil
}

func (p *Parameters) checkSizes() error {
	if p.MultipartCopyConcurrency == 0 {
		p.MultipartCopyConcurrency = defaultCopyConcurrency
	}
	for _, size := range []struct {
		name     string
		value    *int64
		standard int64
		least    int64
	}{
		{"chunksize", &p.ChunkSize, defaultChunk, minChunk},
		{"multipartcopychunksize", &p.MultipartCopyChunkSize, defaultCopyChunk, minChunk},
		{"multipartcopythresholdsize", &p.MultipartCopyThreshold, defaultCopyThreshold, 1},
	} {
		if *size.value == 0 {
			*size.value = size.standard
		}
		if *size.value < size.least || *size.value > maxChunk {
			return wrong(size.name, fmt.Sprintf("want %d to %d bytes", size.least, int64(maxChunk)))
		}
	}
	return nil
}

func (p *Parameters) acl() types.ObjectCannedACL       { return types.ObjectCannedACL(p.ObjectACL) }
func (p *Parameters) storageClass() types.StorageClass { return types.StorageClass(p.StorageClass) }

func (p *Parameters) encryption() types.ServerSideEncryption {
	switch {
	case p.KeyID != "":
		return types.ServerSideEncryptionAwsKms
	case p.Encrypt:
		return types.ServerSideEncryptionAes256
	}
	return ""
}

func (p *Parameters) keyID() *string {
	if p.KeyID == "" {
		return nil
	}
	return &p.KeyID
}
