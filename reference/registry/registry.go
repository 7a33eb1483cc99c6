package registry

import (
	"context"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// A Descriptor names content: its media type, digest and size in bytes.
type Descriptor = v1.Descriptor

// A Registry is a set of repositories. Its methods, and those of all that it
// returns, are safe for concurrent use unless said otherwise, honour the
// context, and report failures as this package's [Error] where the failure is
// the caller's or the content's; any other error is a failure of the registry
// itself, and never means that something is absent.
type Registry interface {
	// Repository returns the repository called name. It touches no
	// storage: a repository exists once it has content.
	Repository(ctx context.Context, name Name) (Repository, error)

	// Repositories yields the names of the repositories that hold a
	// manifest, in the order of [Name.Compare], beginning after the given
	// name (the zero Name: at the start), which need not exist. An error
	// ends the sequence.
	Repositories(ctx context.Context, after Name) iter.Seq2[Name, error]
}

// A Repository is a named set of blobs, manifests and tags.
type Repository interface {
	Name() Name
	Blobs() Blobs
	Manifests() Manifests
	Tags() Tags
}

// Blobs are the blobs of one repository: those that it has a link to. A blob
// of another repository is unknown here.
//
// Every digest given may be an alias (another algorithm than the canonical
// one); descriptors that come back bear the digest that was asked for.
type Blobs interface {
	// Stat describes the blob, or fails with [ErrBlobUnknown].
	Stat(ctx context.Context, dgst digest.Digest) (Descriptor, error)

	// Open returns the blob's content, or fails with [ErrBlobUnknown].
	// The reader is for one goroutine; the caller closes it.
	Open(ctx context.Context, dgst digest.Digest) (io.ReadSeekCloser, error)

	// Create begins an upload session.
	Create(ctx context.Context) (BlobWriter, error)

	// Resume goes on with the session id at its end. It fails with
	// [ErrBlobUploadUnknown] if there is no such session in this
	// repository (never begun, finished or cancelled), and with
	// [ErrBlobUploadInvalid] if another writer is at work on it here.
	Resume(ctx context.Context, id string) (BlobWriter, error)

	// Upload tells how far the session id has come, without touching it.
	// It fails with [ErrBlobUploadUnknown] as Resume does.
	Upload(ctx context.Context, id string) (Upload, error)

	// Mount links the blob dgst of the repository from into this one. The
	// zero Name means any repository that the caller may read. It fails
	// with [ErrBlobUnknown] if there is no such blob, and with
	// [ErrUnsupported] if this registry does not mount so.
	Mount(ctx context.Context, from Name, dgst digest.Digest) (Descriptor, error)

	// Delete removes the link to the blob, under every alias. It fails
	// with [ErrBlobUnknown], or [ErrUnsupported] where deletes are off.
	Delete(ctx context.Context, dgst digest.Digest) error
}

// A BlobServer is a [Blobs] that answers a pull itself, be it by sending the
// bytes in the cheapest way or by redirecting to where they are.
type BlobServer interface {
	// ServeBlob answers GET or HEAD of the blob, with ranges (RFC 9110
	// §14) and conditions (§13). On error it has written nothing.
	ServeBlob(ctx context.Context, w http.ResponseWriter, r *http.Request, dgst digest.Digest) error
}

// An Upload is the state of an upload session.
type Upload struct {
	ID        string
	Size      int64 // bytes received so far
	StartedAt time.Time
}

// A BlobWriter is an open upload session, for one goroutine. Bytes written
// are visible to nobody before Commit.
type BlobWriter interface {
	// Writer appends to the session. What was written survives Close.
	io.Writer

	// Upload tells how far the session has come.
	Upload() Upload

	// Expect tells by which algorithm the digest for Commit is going to be.
	// Told before the first byte, it can spare Commit reading them all
	// again; it binds nobody.
	Expect(algorithm digest.Algorithm)

	// Commit verifies all bytes of the session against want.Digest, and
	// against want.Size unless that is 0, publishes them as a blob of the
	// repository on stable storage, and ends the session. The descriptor
	// returned bears the digest of want and the size.
	//
	// A mismatch gives [ErrDigestInvalid] or [ErrSizeInvalid], ends the
	// session and leaves nothing behind.
	Commit(ctx context.Context, want Descriptor) (Descriptor, error)

	// Cancel ends the session and discards its bytes. It can be repeated,
	// and does nothing after Commit, so that it may be deferred.
	Cancel(ctx context.Context) error

	// Close releases the writer and keeps the session for Resume, unless
	// Commit or Cancel ended it. It can be repeated.
	Close() error
}

// A Manifest is a parsed manifest with its exact bytes.
type Manifest interface {
	// Payload returns the media type and the bytes exactly as they were
	// pushed. The bytes are not to be changed.
	Payload() (mediaType string, content []byte)

	// References returns what the manifest depends on: config, layers or
	// children, in the order of the document. The subject is not one.
	References() []Descriptor

	// Subject returns what the manifest refers to as its subject, or nil.
	Subject() *Descriptor

	// ArtifactType returns the type that a referrers list shows for the
	// manifest: its own, else for an image that of its config, else "".
	ArtifactType() string

	// Annotations returns the manifest's own annotations, or nil.
	Annotations() map[string]string
}

// A Payload is a manifest as it is served: its media type, its bytes, which are
// not to be changed, and the digest of exactly these. That of a [SignedManifest]
// with signatures is not the one by which it is known.
type Payload struct {
	MediaType string
	Content   []byte
	Digest    digest.Digest
}

// PayloadOf returns what is served of m.
func PayloadOf(m Manifest) Payload {
	mediaType, content := m.Payload()
	return Payload{MediaType: mediaType, Content: content, Digest: digest.Canonical.FromBytes(content)}
}

// Describe returns the descriptor of a manifest that is known by dgst.
func (p Payload) Describe(dgst digest.Digest) Descriptor {
	return Descriptor{MediaType: p.MediaType, Digest: dgst, Size: int64(len(p.Content))}
}

// A SignedManifest is a [Manifest] whose signatures are no part of what its
// digest is of. A store keeps them beside it, and joins them to serve: Payload
// returns both. It may have none.
type SignedManifest interface {
	Manifest

	// Canonical returns what is signed: the bytes that the digest is of.
	Canonical() []byte

	// Signatures returns each signature once, as content of its own, in an
	// order that depends on them alone.
	Signatures() [][]byte

	// WithSignatures returns the manifest with exactly the given ones,
	// which are read, but not verified.
	WithSignatures(signatures [][]byte) (Manifest, error)

	// Check verifies the signatures, and all else that can be wrong with
	// the manifest as one of the repository under the tags. All of it
	// comes back joined: [ErrManifestUnverified], [ErrManifestInvalid],
	// [ErrNameInvalid], [ErrTagInvalid].
	Check(name Name, tags []Tag) error
}

// PutOptions belong to one call of [Manifests].Put. The zero value stores by
// the canonical digest, without a tag.
type PutOptions struct {
	// Digest, if not empty, must match the payload ([ErrDigestInvalid])
	// and becomes a digest under which the manifest can be read.
	Digest digest.Digest
	// Tags are set to the manifest once it is stored.
	Tags []Tag
	// SkipReferences stores the manifest though content that it refers to
	// is unknown here.
	SkipReferences bool
}

// Manifests are the manifests of one repository.
type Manifests interface {
	// Stat describes the manifest, or fails with [ErrManifestUnknown].
	Stat(ctx context.Context, dgst digest.Digest) (Descriptor, error)

	// Get returns the manifest, or fails with [ErrManifestUnknown].
	Get(ctx context.Context, dgst digest.Digest) (Manifest, error)

	// Content returns what is served of the manifest, or fails with
	// [ErrManifestUnknown]. It is what Get gives, for who needs the bytes
	// alone: what was verified when it was stored is not parsed again.
	Content(ctx context.Context, dgst digest.Digest) (Payload, error)

	// Put stores the manifest. All that is wrong with it comes back at
	// once, joined: [ErrManifestInvalid], [ErrDigestInvalid], what
	// [SignedManifest].Check says, and [ErrManifestBlobUnknown] once for
	// each unknown reference. Signatures are added to those that the
	// manifest has already. The descriptor bears opts.Digest if that is
	// set.
	Put(ctx context.Context, m Manifest, opts PutOptions) (Descriptor, error)

	// Delete removes the manifest and every tag that names it. It fails
	// with [ErrManifestUnknown], or [ErrUnsupported] where deletes are off.
	Delete(ctx context.Context, dgst digest.Digest) error

	// All yields the canonical digest of each manifest, in no order.
	All(ctx context.Context) iter.Seq2[digest.Digest, error]

	// Referrers yields a descriptor, with artifactType and annotations,
	// of each manifest whose subject is dgst, ordered by digest, beginning
	// after the given digest ("": at the start). A subject that is unknown
	// has none.
	Referrers(ctx context.Context, subject, after digest.Digest) iter.Seq2[Descriptor, error]
}

// Tags are the tags of one repository. A tag is a linearizable register.
type Tags interface {
	// Get resolves the tag, or fails with [ErrManifestUnknown]. The
	// descriptor may bear the digest alone; [Manifests].Stat has the rest.
	Get(ctx context.Context, tag Tag) (Descriptor, error)

	// Set lets the tag name the manifest desc.Digest, or fails with
	// [ErrManifestUnknown] if the repository does not hold it.
	Set(ctx context.Context, tag Tag, desc Descriptor) error

	// Delete removes the tag alone. It fails with [ErrManifestUnknown], or
	// [ErrUnsupported] where deletes are off.
	Delete(ctx context.Context, tag Tag) error

	// All yields the tags in the order of their bytes, beginning after
	// the given tag (the zero Tag: at the start), which need not exist. It
	// fails with [ErrNameUnknown] if the repository holds nothing.
	All(ctx context.Context, after Tag) iter.Seq2[Tag, error]

	// Lookup yields the tags that name dgst now, in the same order.
	Lookup(ctx context.Context, dgst digest.Digest) iter.Seq2[Tag, error]
}

// A DescriptorCache remembers what a store found out about the blobs of its
// repositories. It holds nothing that the store could not tell again, so that
// losing it, or a failing one, never changes an answer; and it knows nothing
// that a [DescriptorCache].Clear came after, so that replicas which share it
// and clear what they delete never see it again.
type DescriptorCache interface {
	// Get returns what is known of dgst in name. What one repository knows
	// no other does.
	Get(ctx context.Context, name Name, dgst digest.Digest) (CacheAnswer, error)

	// Set remembers desc for dgst (which may be an alias; desc bears the
	// canonical digest) in name, for a bounded time. The token is that of
	// the Get before the store was asked: if dgst was cleared since, or
	// that can't be told, nothing is remembered, and that is no error. A
	// descriptor for which [CheckDescriptor] fails is refused.
	Set(ctx context.Context, name Name, dgst digest.Digest, desc Descriptor, token CacheToken) error

	// Clear forgets dgst in name, and voids the tokens given out for it.
	// It is called once the store has forgotten it. Where it fails, what
	// is remembered may be found again until its time is over.
	Clear(ctx context.Context, name Name, dgst digest.Digest) error
}

// A CacheAnswer is what a [DescriptorCache] knows.
type CacheAnswer struct {
	// Known tells whether it knows anything; if not, Descriptor is zero.
	Known      bool
	Descriptor Descriptor
	// Token lets Set fill what is not known. Empty: it is not to be filled.
	Token CacheToken
}

// A CacheToken stands for the state of one entry at one moment.
type CacheToken string
