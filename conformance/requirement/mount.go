package requirement

// Mounting a blob from another repository.
var (
	MountBlobCreated = Requirement{
		ID: "mount.blob.created", Level: Must, Basis: Text, Feature: FeatureMount, Profile: ProfilePush,
		Section: "mounting-a-blob-from-another-repository", Since: Since10, Row: "86",
		Statement: "Answers 201 to a POST that mounts a blob from another repository.",
	}
	MountBlobLocation = Requirement{
		ID: "mount.blob.location", Level: Must, Basis: Text, Feature: FeatureMount, Profile: ProfilePush,
		Section: "mounting-a-blob-from-another-repository", Since: Since10, Row: "87",
		Statement: "Sends a Location with the 201 to a mount.",
	}
	MountBlobDigestCanonical = Requirement{
		ID: "mount.blob.digest-canonical", Level: May, Basis: Text, Feature: FeatureMount, Profile: ProfilePush,
		Section: "mounting-a-blob-from-another-repository", Since: Since10, Row: "88",
		Statement: "Names the mounted blob's canonical digest, where it sends Docker-Content-Digest, even if that isn't the digest asked for.",
	}
	MountAnonymousSupported = Requirement{
		ID: "mount.anonymous.supported", Level: May, Basis: Text, Feature: FeatureMountAnonymous, Profile: ProfilePush,
		Section: "mounting-a-blob-from-another-repository", Since: Since11, Row: "90",
		Statement: "Takes a mount without the from parameter, or opens an upload session instead.",
	}
	MountAnonymousFound = Requirement{
		ID: "mount.anonymous.found", Level: May, Basis: Text, Feature: FeatureMountAnonymous, Profile: ProfilePush,
		Section: "mounting-a-blob-from-another-repository", Since: Since11, Row: "91",
		Statement: "Mounts a blob without the from parameter only if it holds that blob, which can then be pulled.",
	}
	MountBlobFallback = Requirement{
		ID: "mount.blob.fallback", Level: Should, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "mounting-a-blob-from-another-repository", Since: Since10, Row: "92",
		Statement: "Answers 202 and opens an upload session when it can't mount the blob or doesn't support mounting.",
	}
)

func mountChapter() []Requirement {
	return []Requirement{
		MountBlobCreated,
		MountBlobLocation,
		MountBlobDigestCanonical,
		MountAnonymousSupported,
		MountAnonymousFound,
		MountBlobFallback,
	}
}
