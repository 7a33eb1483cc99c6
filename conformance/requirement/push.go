package requirement

// Pushing a blob as one: POST then PUT, and single POST.
var (
	PushUploadAccepted = Requirement{
		ID: "push.upload.accepted", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "post-then-put", Since: Since10, Row: "46",
		Statement: "Answers 202 to a POST that opens an upload session.",
	}
	PushUploadLocation = Requirement{
		ID: "push.upload.location", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "post-then-put", Since: Since10, Row: "47",
		Statement: "Sends the Location of the upload session with the 202 that opens it.",
	}
	// The text says UUID and gives the reason, a unique session; no form of it is named,
	// so uniqueness is what can be held against a registry.
	PushUploadSessionId = Requirement{
		ID: "push.upload.session-id", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "post-then-put", Since: Since10, Row: "48",
		Statement: "Gives each upload session a Location that carries an id of its own, different from that of every other session.",
	}
	PushUploadLocationForm = Requirement{
		ID: "push.upload.location-form", Level: May, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "post-then-put", Since: Since10, Row: "49",
		Statement: "Gives the Location of an upload session as an absolute URL, on any host, or as a relative one.",
	}
	PushUploadLocationQuery = Requirement{
		ID: "push.upload.location-query", Level: May, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "post-then-put", Since: Since10, Row: "50",
		Statement: "Puts query parameters into the Location of an upload session or none, and finishes the upload when digest is added to them.",
	}
	PushBlobCreated = Requirement{
		ID: "push.blob.created", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "post-then-put", Since: Since10, Row: "53",
		Statement: "Answers 201 to the PUT that brings the whole blob with its digest.",
	}
	PushBlobLocation = Requirement{
		ID: "push.blob.location", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "post-then-put", Since: Since10, Row: "54",
		Statement: "Sends a Location with the 201 that finishes an upload by PUT.",
	}
	PushBlobLocationPullable = Requirement{
		ID: "push.blob.location-pullable", Level: Must, Basis: Implied, Feature: FeaturePush, Profile: ProfilePush,
		Section: "post-then-put", Since: Since10, Row: "55",
		Statement: "Serves the blob from the Location that it sends when an upload is finished.",
	}
	PushSingleSupported = Requirement{
		ID: "push.single.supported", Level: May, Basis: Text, Feature: FeatureUploadSinglePost, Profile: ProfilePush,
		Section: "single-post", Since: Since10, Row: "56",
		Statement: "Takes a whole blob in a single POST, or opens an upload session instead.",
	}
	PushSingleLengthMismatch = Requirement{
		ID: "push.single.length-mismatch", Level: Must, Basis: Text, Feature: FeatureUploadSinglePost, Profile: ProfilePush,
		Section: "single-post", Since: Since10, Row: "57",
		Statement: "Stores no blob from a single POST whose body isn't as long as its Content-Length.",
	}
	PushSingleDigestMismatch = Requirement{
		ID: "push.single.digest-mismatch", Level: Must, Basis: Text, Feature: FeatureUploadSinglePost, Profile: ProfilePush,
		Section: "single-post", Since: Since10, Row: "58",
		Statement: "Stores no blob from a single POST whose body doesn't match the digest given.",
	}
	PushSingleFallback = Requirement{
		ID: "push.single.fallback", Level: Should, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "single-post", Since: Since10, Row: "59",
		Statement: "Answers 202 with a Location, ready for a PUT, to a single POST if it doesn't support that kind of upload.",
	}
	PushSingleCreated = Requirement{
		ID: "push.single.created", Level: Must, Basis: Text, Feature: FeatureUploadSinglePost, Profile: ProfilePush,
		Section: "single-post", Since: Since10, Row: "61",
		Statement: "Answers 201 to a single POST that stored the blob.",
	}
	PushSingleLocation = Requirement{
		ID: "push.single.location", Level: Must, Basis: Text, Feature: FeatureUploadSinglePost, Profile: ProfilePush,
		Section: "single-post", Since: Since10, Row: "62",
		Statement: "Sends a Location with the 201 to a single POST.",
	}
	PushUploadRefused = Requirement{
		ID: "push.upload.refused", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfilePush,
		Section: "endpoints", Since: Since10, Row: "184",
		Statement: "Answers 404 to a POST that would open an upload, if it refuses because the repository is unknown.",
	}
	PushSessionPutUnknown = Requirement{
		ID: "push.session.put-unknown", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfilePush,
		Section: "endpoints", Since: Since10, Row: "186",
		Statement: "Answers 404 to a PUT to an upload session that it doesn't know.",
	}
	PushBlobDigestMismatch = Requirement{
		ID: "push.blob.digest-mismatch", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfilePush,
		Section: "endpoints", Since: Since10, Row: "187",
		Statement: "Answers 400 to a PUT whose digest doesn't match the bytes uploaded, and stores no blob.",
	}
)

func pushChapter() []Requirement {
	return []Requirement{
		PushUploadAccepted,
		PushUploadLocation,
		PushUploadSessionId,
		PushUploadLocationForm,
		PushUploadLocationQuery,
		PushBlobCreated,
		PushBlobLocation,
		PushBlobLocationPullable,
		PushSingleSupported,
		PushSingleLengthMismatch,
		PushSingleDigestMismatch,
		PushSingleFallback,
		PushSingleCreated,
		PushSingleLocation,
		PushUploadRefused,
		PushSessionPutUnknown,
		PushBlobDigestMismatch,
	}
}
