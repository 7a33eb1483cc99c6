package conformance

// registryChapters returns the specs for registries, in the order of the
// specification.
func registryChapters() []chapter {
	return []chapter{
		{"Pulling blobs", pullingBlobs},
	}
}
