package conformance

// registryChapters returns the specs for registries, in the order of the
// specification.
func registryChapters() []chapter {
	return []chapter{
		{"Pulling blobs", pullingBlobs},
		{"Pushing manifests", pushingManifests},
		{"Listing referrers", listingReferrers},
		{"Content management", managingContent},
		{"Docker manifests", dockerManifests},
	}
}
