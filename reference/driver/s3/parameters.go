package s3

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
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

// A ParameterError says which parameter is wrong, and how. It never holds the
// value of a secret.
type ParameterError struct {
	Name   string
	Reason string
}

func (e *ParameterError) Error() string { return fmt.Sprintf("s3: parameter %s: %s", e.Name, e.Reason) }

// ParseParameters reads the parameters of a configuration. Numbers and booleans
// may be strings, as environment variables are. The error is a
// *[ParameterError] and names the parameter; one that is not known is an error.
func ParseParameters(settings map[string]any) (Parameters, error) {
	var p Parameters
	names := make([]string, 0, len(settings))
	for key := range settings {
		names = append(names, key)
	}
	slices.Sort(names)
	for _, key := range names {
		set, ok := p.setters()[key]
		if !ok {
			return p, &ParameterError{key, "not known; the parameters are " + strings.Join(Names(), ", ")}
		}
		if err := set(settings[key]); err != nil {
			return p, &ParameterError{key, err.Error()}
		}
	}
	return p.checked()
}

// Names returns the names of all parameters, sorted.
func Names() []string {
	var p Parameters
	var names []string
	for key := range p.setters() {
		names = append(names, key)
	}
	slices.Sort(names)
	return names
}

// setters returns for each name what takes its value.
func (p *Parameters) setters() map[string]func(any) error {
	secure, v4 := true, true
	var copies int64
	return map[string]func(any) error{
		"accesskey":      text(&p.AccessKey),
		"secretkey":      text(&p.SecretKey),
		"sessiontoken":   text(&p.SessionToken),
		"region":         text(&p.Region),
		"regionendpoint": text(&p.RegionEndpoint),
		"bucket":         text(&p.Bucket),
		"rootdirectory":  text(&p.RootDirectory),
		"useragent":      text(&p.UserAgent),
		"keyid":          text(&p.KeyID),
		"storageclass":   text(&p.StorageClass),
		"objectacl":      text(&p.ObjectACL),
		"forcepathstyle": boolean(&p.ForcePathStyle),
		"encrypt":        boolean(&p.Encrypt),
		"skipverify":     boolean(&p.SkipVerify),
		"usedualstack":   boolean(&p.UseDualStack),
		"accelerate":     boolean(&p.Accelerate),
		"chunksize":      number(&p.ChunkSize),
		"secure": func(v any) error {
			p.Secure = &secure
			return boolean(p.Secure)(v)
		},
		"v4auth": func(v any) error {
			if err := boolean(&v4)(v); err != nil || v4 {
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

func text(to *string) func(any) error {
	return func(v any) error {
		switch v := v.(type) {
		case nil:
			*to = ""
		case string:
			*to = v
		case int, int64, uint64, float64, bool:
			// An account's number, unquoted.
			*to = fmt.Sprint(v)
		default:
			return fmt.Errorf("want text, not %T", v)
		}
		return nil
	}
}

func boolean(to *bool) func(any) error {
	return func(v any) error {
		switch v := v.(type) {
		case nil:
		case bool:
			*to = v
		case string:
			b, err := strconv.ParseBool(v)
			if err != nil {
				return fmt.Errorf("%q: want true or false", v)
			}
			*to = b
		default:
			return fmt.Errorf("want true or false, not %T", v)
		}
		return nil
	}
}

func number(to *int64) func(any) error {
	return func(v any) error {
		switch v := v.(type) {
		case nil:
		case int:
			*to = int64(v)
		case int32:
			*to = int64(v)
		case int64:
			*to = v
		case uint:
			return number(to)(uint64(v))
		case uint32:
			*to = int64(v)
		case uint64:
			if v > math.MaxInt64 {
				return fmt.Errorf("%d: too large", v)
			}
			*to = int64(v)
		case float64:
			if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
				return fmt.Errorf("%v: want a whole number", v)
			}
			*to = int64(v)
		case string:
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return fmt.Errorf("%q: want a whole number", v)
			}
			*to = n
		default:
			return fmt.Errorf("want a whole number, not %T", v)
		}
		// What a configuration says is meant, so that 0 is no default.
		if *to == 0 && v != nil {
			*to = -1
		}
		return nil
	}
}

// checked returns p with its defaults, or a *[ParameterError].
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
		return &ParameterError{"bucket", "not given"}
	}
	if p.Region == "" {
		if p.RegionEndpoint == "" {
			return &ParameterError{"region", "not given, and neither is regionendpoint"}
		}
		p.Region = defaultRegion
	}
	if p.RegionEndpoint != "" {
		u, err := url.Parse(p.endpoint())
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
			return &ParameterError{"regionendpoint", fmt.Sprintf("%q: want a host or an http or https URL", p.RegionEndpoint)}
		}
		if p.Accelerate || p.UseDualStack {
			return &ParameterError{"regionendpoint", "goes with neither accelerate nor usedualstack"}
		}
	}
	p.RootDirectory = strings.Trim(p.RootDirectory, "/")
	for component := range strings.SplitSeq(p.RootDirectory, "/") {
		if p.RootDirectory != "" && (component == "" || component == "." || component == "..") {
			return &ParameterError{"rootdirectory", fmt.Sprintf("%q: empty, . and .. are no components", p.RootDirectory)}
		}
	}
	return nil
}

func (p *Parameters) checkKeys() error {
	switch {
	case p.AccessKey == "" && p.SecretKey != "":
		return &ParameterError{"accesskey", "not given, but secretkey is"}
	case p.AccessKey != "" && p.SecretKey == "":
		return &ParameterError{"secretkey", "not given, but accesskey is"}
	case p.SessionToken != "" && p.AccessKey == "":
		return &ParameterError{"sessiontoken", "needs accesskey and secretkey"}
	case p.KeyID != "" && !p.Encrypt:
		return &ParameterError{"keyid", "needs encrypt"}
	}
	return nil
}

func (p *Parameters) checkObjects() error {
	if p.StorageClass == "NONE" {
		p.StorageClass = ""
	}
	class, acl := types.StorageClass(p.StorageClass), types.ObjectCannedACL(p.ObjectACL)
	if class != "" && !slices.Contains(class.Values(), class) {
		return &ParameterError{"storageclass", fmt.Sprintf("%q: want NONE or one of %v", class, class.Values())}
	}
	if acl != "" && !slices.Contains(acl.Values(), acl) {
		return &ParameterError{"objectacl", fmt.Sprintf("%q: want one of %v", acl, acl.Values())}
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
			return &ParameterError{size.name, fmt.Sprintf("want %d to %d bytes", size.least, int64(maxChunk))}
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
