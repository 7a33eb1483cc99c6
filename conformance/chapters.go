package conformance

// registryChapters returns the specs for registries, in the order of the
// specification.
func registryChapters() []chapter {
	return []chapter{
		{"The API", theAPI},
		{"HTTP", usingHTTP},
		{"Pulling blobs", pullingBlobs},
		{"Pulling parts of blobs", pullingRanges},
		{"Pulling manifests", pullingManifests},
		{"Pushing blobs", pushingBlobs},
		{"Pushing blobs in one POST", pushingInOnePost},
		{"Pushing blobs in chunks", pushingChunks},
		{"Status of uploads", statusOfUploads},
		{"Mounting blobs", mountingBlobs},
		{"Cancelling uploads", cancellingUploads},
		{"Pushing manifests", pushingManifests},
		{"Listing tags", listingTags},
		{"Listing referrers", listingReferrers},
		{"Content management", managingContent},
		{"Errors and warnings", tellingErrors},
		{"Proxying", proxying},
		{"Docker API", dockerAPI},
		{"Docker lists", dockerLists},
		{"Docker uploads", dockerUploads},
		{"Docker blobs", dockerBlobs},
		{"Docker mounts", dockerMounts},
		{"Docker manifests", dockerManifests},
		{"Signed manifests", signedManifests},
		{"Keeping signatures", keepingSignatures},
		{"Verifying signatures", verifyingSignatures},
		{"Checking signed manifests", checkingSignedManifests},
	}
}
