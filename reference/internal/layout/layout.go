// Package layout maps names and digests to the paths of a driver. It is a set
// of pure functions, and the one place that knows where anything lies:
//
//	/docker/registry/v2/
//	  blobs/<alg>/<first two of hex>/<hex>/data      the bytes of a blob or manifest
//	  repositories/<name>/
//	    _layers/<alg>/<hex>/link                     a blob of the repository
//	    _manifests/
//	      revisions/<alg>/<hex>/link                 a manifest of the repository
//	      revisions/<alg>/<hex>/signatures/<alg>/<hex>/link
//	                                                 a signature of the manifest
//	      tags/<tag>/current/link                    what the tag names now
//	      tags/<tag>/index/<alg>/<hex>/link          what it has named
//	    _uploads/<id>/
//	      startedat                                  RFC 3339, UTC
//	      data                                       the bytes, uncommitted but for the end of a push
//	      recovered                                  the same, while they become uncommitted again
//	      hashstate                                  the running hash, and at how many bytes
//	    _referrers/
//	      complete                                   the index has all manifests since
//	      <alg>/<hex of subject>/<alg>/<hex>/link    a manifest with that subject
//	  _garbage/
//	    state                                        of the last collection, or the one under way
//	    collectors/<run>                             when the collector gave its last sign of life
//	    uses/<run>/<id>                              digests on which a push relies meanwhile
//
// Every link holds the text of a canonical digest (SHA-256), whatever digest
// its path names: a link under another algorithm is an alias. That of a tarsum
// lies in _layers/tarsum/v0/sha256/<hex>, or v1.
//
// All but hashstate, recovered, _referrers and _garbage is the layout, version 2, of the
// distribution registry, so that either can open what the other committed. An
// underscore can't begin a component of a repository's name, and so keeps the
// folders above apart from repositories nested below.
package layout

import (
	"path"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

const (
	root = "/docker/registry/v2"

	// Repositories is the folder of all repositories.
	Repositories = root + "/repositories"
	// Blobs is the folder of all content.
	Blobs = root + "/blobs"
	// LinkFile is the base name of every link.
	LinkFile = "link"
	// SignaturesFolder is the base name of the folder of the links to a
	// manifest's signatures.
	SignaturesFolder = "signatures"

	// tarsum is the folder of the links under tarsums, by their version.
	tarsum = "tarsum/"

	// What paths within a repository have before its name, and after it.
	inside    = Repositories + "/"
	layers    = "/_layers"
	manifests = "/_manifests"
	revisions = manifests + "/revisions"
	tags      = manifests + "/tags"
	uploads   = "/_uploads"
	referrers = "/_referrers"
)

// Blob returns the path of the content dgst.
func Blob(dgst digest.Digest) string {
	hex := dgst.Encoded()
	return Blobs + "/" + dgst.Algorithm().String() + "/" + hex[:2] + "/" + hex + "/data"
}

// Repository returns the folder of the repository.
func Repository(name registry.Name) string { return inside + name.String() }

// Layers returns the folder of the links to blobs.
func Layers(name registry.Name) string { return inside + name.String() + layers }

// Manifests returns the folder of manifests and tags.
func Manifests(name registry.Name) string { return inside + name.String() + manifests }

// Revisions returns the folder of the links to manifests.
func Revisions(name registry.Name) string { return inside + name.String() + revisions }

// Signatures returns the folder of the links to the signatures of a manifest,
// whose digest is the canonical one.
func Signatures(name registry.Name, revision digest.Digest) string {
	return Under(Revisions(name), revision) + "/" + SignaturesFolder
}

// Tags returns the folder whose children are the tags.
func Tags(name registry.Name) string { return inside + name.String() + tags }

// Tag returns the folder of the tag.
func Tag(name registry.Name, tag registry.Tag) string {
	return inside + name.String() + tags + "/" + tag.String()
}

// TagCurrent returns the link to what the tag names.
func TagCurrent(name registry.Name, tag registry.Tag) string {
	return inside + name.String() + tags + "/" + tag.String() + "/current/" + LinkFile
}

// TagIndex returns the folder of the links to what the tag has named.
func TagIndex(name registry.Name, tag registry.Tag) string { return Tag(name, tag) + "/index" }

// Uploads returns the folder of the upload sessions.
func Uploads(name registry.Name) string { return inside + name.String() + uploads }

// Upload returns the folder of the upload session id, which must have the
// form of an id.
func Upload(name registry.Name, id string) string {
	return inside + name.String() + uploads + "/" + id
}

// UploadData returns the path of the session's bytes.
func UploadData(name registry.Name, id string) string { return Upload(name, id) + "/data" }

// UploadStartedAt returns the path of the time at which the session began.
func UploadStartedAt(name registry.Name, id string) string { return Upload(name, id) + "/startedat" }

// UploadRecovered returns the path for bytes of a push that broke off at its
// very end, while they become uncommitted again.
func UploadRecovered(name registry.Name, id string) string { return Upload(name, id) + "/recovered" }

// UploadHashState returns the path of the session's running hash.
func UploadHashState(name registry.Name, id string) string { return Upload(name, id) + "/hashstate" }

// Referrers returns the folder of the referrers' index.
func Referrers(name registry.Name) string { return inside + name.String() + referrers }

// ReferrersComplete returns the path of the marker of a complete index.
func ReferrersComplete(name registry.Name) string { return Referrers(name) + "/complete" }

// ReferrersOf returns the folder of the links to the manifests that have the
// subject.
func ReferrersOf(name registry.Name, subject digest.Digest) string {
	return Under(Referrers(name), subject)
}

// Under returns the folder that belongs to dgst in a folder of links.
func Under(folder string, dgst digest.Digest) string {
	return folder + "/" + algorithm(dgst) + "/" + dgst.Encoded()
}

// algorithm returns the folder of an algorithm in a folder of links.
func algorithm(dgst digest.Digest) string {
	if version, ok := registry.TarsumVersion(dgst); ok {
		return tarsum + version + "/sha256"
	}
	return dgst.Algorithm().String()
}

// Link returns the link that belongs to dgst in a folder of links.
func Link(folder string, dgst digest.Digest) string {
	return folder + "/" + algorithm(dgst) + "/" + dgst.Encoded() + "/" + LinkFile
}

// DigestOf returns the digest to which a link, or the folder of it, belongs,
// and whether the path ends as those do.
func DigestOf(p string) (digest.Digest, bool) {
	p = strings.TrimSuffix(p, "/"+LinkFile)
	above, encoded := path.Split(p)
	above = strings.TrimSuffix(above, "/")
	algorithm := path.Base(above)
	for version, label := range map[string]string{"v0": "tarsum+", "v1": "tarsum.v1+"} {
		if strings.HasSuffix(above, "/"+tarsum+version+"/"+algorithm) {
			algorithm = label + algorithm
		}
	}
	dgst := digest.NewDigestFromEncoded(digest.Algorithm(algorithm), encoded)
	return dgst, registry.CheckDigest(dgst) == nil
}

const garbage = root + "/_garbage"

const (
	// CollectionState is the path of the state of the last collection.
	CollectionState = garbage + "/state"
	// Collectors is the folder of the collectors at work.
	Collectors = garbage + "/collectors"
	// Uses is the folder of what pushes rely on, by collection.
	Uses = garbage + "/uses"
)

// Collector returns the path of the sign of life of a collector.
func Collector(run string) string { return Collectors + "/" + run }

// UsesDuring returns the folder of what pushes rely on during a collection.
func UsesDuring(run string) string { return Uses + "/" + run }
