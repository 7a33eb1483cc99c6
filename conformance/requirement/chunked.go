package requirement

// Pushing a blob in chunks, and the status of an upload session.
var (
	ChunkedSessionMinimum = Requirement{
		ID: "chunked.session.minimum", Level: Should, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since11, Row: "64",
		Statement: "Announces its minimum chunk size, if it has one, as a number of bytes in OCI-Chunk-Min-Length when a session is opened.",
	}
	ChunkedPatchFirstOffset = Requirement{
		ID: "chunked.patch.first-offset", Level: Must, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since10, Row: "66",
		Statement: "Refuses a first chunk whose Content-Range doesn't begin at 0.",
	}
	ChunkedPatchRangeForm = Requirement{
		ID: "chunked.patch.range-form", Level: Must, Basis: Implied, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since10, Row: "67",
		Statement: "Refuses a chunk whose Content-Range isn't two numbers joined by a hyphen.",
	}
	ChunkedPatchLastLength = Requirement{
		ID: "chunked.patch.last-length", Level: May, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since11, Row: "69",
		Statement: "Takes a last chunk of any length, also below the minimum that it announces.",
	}
	ChunkedPatchAccepted = Requirement{
		ID: "chunked.patch.accepted", Level: Must, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since10, Row: "70",
		Statement: "Answers 202 to a PATCH with the next chunk.",
	}
	ChunkedPatchLocation = Requirement{
		ID: "chunked.patch.location", Level: Must, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since10, Row: "71",
		Statement: "Sends a Location with the 202 to a chunk.",
	}
	ChunkedPatchRange = Requirement{
		ID: "chunked.patch.range", Level: Must, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since11, Row: "72",
		Statement: "Sends Range with the 202 to a chunk, in the form 0-N where N is the position of the last byte received.",
	}
	ChunkedPatchOutOfOrder = Requirement{
		ID: "chunked.patch.out-of-order", Level: Must, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since10, Row: "75",
		Statement: "Answers 416 to a PATCH with a chunk that doesn't begin right after the last byte received.",
	}
	ChunkedPutLastChunk = Requirement{
		ID: "chunked.put.last-chunk", Level: May, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since10, Row: "76",
		Statement: "Takes the last chunk by PATCH as well as in the closing PUT.",
	}
	ChunkedPutCloses = Requirement{
		ID: "chunked.put.closes", Level: Must, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since10, Row: "77",
		Statement: "Serves no blob from an upload session before a PUT closes it.",
	}
	ChunkedPutBody = Requirement{
		ID: "chunked.put.body", Level: May, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since10, Row: "78",
		Statement: "Takes a closing PUT without a body when every chunk came by PATCH.",
	}
	ChunkedPutDigest = Requirement{
		ID: "chunked.put.digest", Level: Must, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since10, Row: "79",
		Statement: "Refuses a closing PUT whose digest is missing or isn't that of the whole blob.",
	}
	ChunkedPutCreated = Requirement{
		ID: "chunked.put.created", Level: Must, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since10, Row: "80",
		Statement: "Answers 201 to the PUT that closes a chunked upload.",
	}
	ChunkedPutLocation = Requirement{
		ID: "chunked.put.location", Level: Must, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since10, Row: "81",
		Statement: "Sends a Location with the 201 that closes a chunked upload.",
	}
	ChunkedStatusActive = Requirement{
		ID: "chunked.status.active", Level: Must, Basis: Text, Feature: FeatureUploadStatus, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since11, Row: "82",
		Statement: "Answers 204 to a GET of an active upload session.",
	}
	ChunkedStatusLocation = Requirement{
		ID: "chunked.status.location", Level: Must, Basis: Text, Feature: FeatureUploadStatus, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since11, Row: "83",
		Statement: "Sends a Location with the status of an active upload session.",
	}
	ChunkedStatusRange = Requirement{
		ID: "chunked.status.range", Level: Must, Basis: Text, Feature: FeatureUploadStatus, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: Since11, Row: "84",
		Statement: "Sends Range with the status of an active upload session, in the form 0-N where N is the position of the last byte received if there is one.",
	}
	ChunkedSessionPatchUnknown = Requirement{
		ID: "chunked.session.patch-unknown", Level: Must, Basis: Table, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "endpoints", Since: Since10, Row: "185",
		Statement: "Answers 404 to a PATCH to an upload session that it doesn't know.",
	}
	ChunkedSessionStatusUnknown = Requirement{
		ID: "chunked.session.status-unknown", Level: Must, Basis: Table, Feature: FeatureUploadStatus, Profile: ProfilePush,
		Section: "endpoints", Since: Since11, Row: "190",
		Statement: "Answers 404 to a GET of an upload session that it doesn't know.",
	}
)

func chunkedChapter() []Requirement {
	return []Requirement{
		ChunkedSessionMinimum,
		ChunkedPatchFirstOffset,
		ChunkedPatchRangeForm,
		ChunkedPatchLastLength,
		ChunkedPatchAccepted,
		ChunkedPatchLocation,
		ChunkedPatchRange,
		ChunkedPatchOutOfOrder,
		ChunkedPutLastChunk,
		ChunkedPutCloses,
		ChunkedPutBody,
		ChunkedPutDigest,
		ChunkedPutCreated,
		ChunkedPutLocation,
		ChunkedStatusActive,
		ChunkedStatusLocation,
		ChunkedStatusRange,
		ChunkedSessionPatchUnknown,
		ChunkedSessionStatusUnknown,
	}
}
