package requirement

// Docker Registry HTTP API V2.
var (
	DockerBaseOk = Requirement{
		ID: "docker.base.ok", Level: Must, Basis: Table, Feature: FeatureCore, Profile: ProfileDockerV2,
		Section: "api-version-check", Since: SinceDockerV2,
		Statement: "Answers a GET of /v2/ with 200, or with 401 and a challenge before the login.",
	}
	DockerBaseVersionHeader = Requirement{
		ID: "docker.base.version-header", Level: Should, Basis: Text, Feature: FeatureDockerV2, Profile: ProfileDockerV2,
		Section: "api-version-check", Since: SinceDockerV2,
		Statement: "Sends Docker-Distribution-Api-Version: registry/2.0 with a 200 or 401 to a GET of /v2/.",
	}
	DockerErrorsForm = Requirement{
		ID: "docker.errors.form", Level: Must, Basis: Implied, Feature: FeatureCore, Profile: ProfileDockerV2,
		Section: "errors", Since: SinceDockerV2,
		Statement: "Reports a failure that the client can act on as a JSON list of errors with a code and a message each.",
	}
	DockerNameInvalid = Requirement{
		ID: "docker.name.invalid", Level: Must, Basis: Table, Feature: FeatureCore, Profile: ProfileDockerV2,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with NAME_INVALID, or 404, to a request whose repository name lies outside the name grammar.",
	}
	DockerUploadCreate = Requirement{
		ID: "docker.upload.create", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "starting-an-upload", Since: SinceDockerV2,
		Statement: "Answers 202 with a Location to a POST that opens an upload.",
	}
	DockerUploadCreateRange = Requirement{
		ID: "docker.upload.create-range", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "upload-progress", Since: SinceDockerV2,
		Statement: "Sends Range with the 202 that opens an upload, as 0-0 with or without bytes= before it.",
	}
	DockerUploadCreateUuid = Requirement{
		ID: "docker.upload.create-uuid", Level: Must, Basis: Table, Feature: FeatureDockerV2, Profile: ProfileDockerV2,
		Section: "uploading-the-layer", Since: SinceDockerV2,
		Statement: "Sends Docker-Upload-UUID with the 202 that opens an upload.",
	}
	DockerUploadStatus = Requirement{
		ID: "docker.upload.status", Level: Must, Basis: Table, Feature: FeatureUploadStatus, Profile: ProfileDockerV2,
		Section: "get-blob-upload", Since: SinceDockerV2,
		Statement: "Answers 204 to a GET of an upload that goes on.",
	}
	DockerUploadStatusLocation = Requirement{
		ID: "docker.upload.status-location", Level: Must, Basis: Implied, Feature: FeatureUploadStatus, Profile: ProfileDockerV2,
		Section: "upload-progress", Since: SinceDockerV2,
		Statement: "Sends a Location with the status of an upload.",
	}
	DockerUploadStatusRange = Requirement{
		ID: "docker.upload.status-range", Level: Must, Basis: Table, Feature: FeatureUploadStatus, Profile: ProfileDockerV2,
		Section: "upload-progress", Since: SinceDockerV2,
		Statement: "Sends Range with the status of an upload, ending at the last byte received, with or without bytes= before it.",
	}
	DockerUploadStatusUuid = Requirement{
		ID: "docker.upload.status-uuid", Level: Must, Basis: Table, Feature: FeatureDockerV2, Profile: ProfileDockerV2,
		Section: "upload-progress", Since: SinceDockerV2,
		Statement: "Sends the same Docker-Upload-UUID with the status of an upload as when it was opened.",
	}
	DockerUploadPatch = Requirement{
		ID: "docker.upload.patch", Level: Must, Basis: Table, Feature: FeatureUploadChunked, Profile: ProfileDockerV2,
		Section: "chunked-upload", Since: SinceDockerV2,
		Statement: "Answers 202 or 204, with a Location and a Range that ends at the last byte received, with or without bytes= before it, to a chunk in order.",
	}
	DockerUploadPatchUuid = Requirement{
		ID: "docker.upload.patch-uuid", Level: Must, Basis: Table, Feature: FeatureDockerV2, Profile: ProfileDockerV2,
		Section: "chunked-upload", Since: SinceDockerV2,
		Statement: "Sends the same Docker-Upload-UUID when it accepts a chunk as when the upload was opened.",
	}
	DockerUploadOutOfOrder = Requirement{
		ID: "docker.upload.out-of-order", Level: Must, Basis: Table, Feature: FeatureUploadChunked, Profile: ProfileDockerV2,
		Section: "chunked-upload", Since: SinceDockerV2,
		Statement: "Answers 416 to a chunk out of order and goes on with the upload when the right chunk comes.",
	}
	DockerUploadOutOfOrderStatus = Requirement{
		ID: "docker.upload.out-of-order-status", Level: Must, Basis: Implied, Feature: FeatureUploadChunked, Profile: ProfileDockerV2,
		Section: "chunked-upload", Since: SinceDockerV2,
		Statement: "Sends Location and Range, as they stand, with the 416 to a chunk out of order.",
	}
	DockerUploadRangeForm = Requirement{
		ID: "docker.upload.range-form", Level: Must, Basis: Implied, Feature: FeatureUploadChunked, Profile: ProfileDockerV2,
		Section: "chunked-upload", Since: SinceDockerV2,
		Statement: "Answers 416 to a chunk whose Content-Range has another form.",
	}
	DockerUploadResume = Requirement{
		ID: "docker.upload.resume", Level: Must, Basis: Table, Feature: FeatureUploadStatus, Profile: ProfileDockerV2,
		Section: "blob-upload", Since: SinceDockerV2,
		Statement: "Finishes an upload whose connection broke in the middle of a chunk, when the client goes on from the end that the status reports.",
	}
	DockerUploadComplete = Requirement{
		ID: "docker.upload.complete", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "completed-upload", Since: SinceDockerV2,
		Statement: "Answers 201 or 204, with a Location, to the PUT that completes an upload, with the last bytes in it or without a body.",
	}
	DockerUploadCompleteDigest = Requirement{
		ID: "docker.upload.complete-digest", Level: Must, Basis: Table, Feature: FeatureDockerV2, Profile: ProfileDockerV2,
		Section: "completed-upload", Since: SinceDockerV2,
		Statement: "Sends Docker-Content-Digest when an upload is completed.",
	}
	DockerUploadDigestMissing = Requirement{
		ID: "docker.upload.digest-missing", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "digest-parameter", Since: SinceDockerV2,
		Statement: "Answers 400 to a PUT that would complete an upload without the digest parameter.",
	}
	DockerUploadDigestMismatch = Requirement{
		ID: "docker.upload.digest-mismatch", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "digest-parameter", Since: SinceDockerV2,
		Statement: "Answers 400 with DIGEST_INVALID to a PUT whose digest doesn't match the bytes uploaded, and stores no blob.",
	}
	DockerUploadCancel = Requirement{
		ID: "docker.upload.cancel", Level: Must, Basis: Table, Feature: FeatureUploadCancel, Profile: ProfileDockerV2,
		Section: "canceling-an-upload", Since: SinceDockerV2,
		Statement: "Answers 204 to a DELETE of an upload that goes on.",
	}
	DockerUploadCancelledGet = Requirement{
		ID: "docker.upload.cancelled-get", Level: Must, Basis: Table, Feature: FeatureUploadCancel, Profile: ProfileDockerV2,
		Section: "canceling-an-upload", Since: SinceDockerV2,
		Statement: "Answers 404 with BLOB_UPLOAD_UNKNOWN to a GET of a cancelled upload.",
	}
	DockerUploadCancelledPatch = Requirement{
		ID: "docker.upload.cancelled-patch", Level: Must, Basis: Table, Feature: FeatureUploadCancel, Profile: ProfileDockerV2,
		Section: "canceling-an-upload", Since: SinceDockerV2,
		Statement: "Answers 404 with BLOB_UPLOAD_UNKNOWN to a PATCH to a cancelled upload.",
	}
	DockerUploadCancelledPut = Requirement{
		ID: "docker.upload.cancelled-put", Level: Must, Basis: Table, Feature: FeatureUploadCancel, Profile: ProfileDockerV2,
		Section: "canceling-an-upload", Since: SinceDockerV2,
		Statement: "Answers 404 with BLOB_UPLOAD_UNKNOWN to a PUT to a cancelled upload.",
	}
	DockerUploadCancelledDelete = Requirement{
		ID: "docker.upload.cancelled-delete", Level: Must, Basis: Table, Feature: FeatureUploadCancel, Profile: ProfileDockerV2,
		Section: "canceling-an-upload", Since: SinceDockerV2,
		Statement: "Answers 404 with BLOB_UPLOAD_UNKNOWN to a second DELETE of an upload.",
	}
	DockerUploadFinishedGet = Requirement{
		ID: "docker.upload.finished-get", Level: Must, Basis: Table, Feature: FeatureUploadStatus, Profile: ProfileDockerV2,
		Section: "errors-1", Since: SinceDockerV2,
		Statement: "Answers 404 with BLOB_UPLOAD_UNKNOWN to a GET of a finished upload.",
	}
	DockerUploadFinishedPatch = Requirement{
		ID: "docker.upload.finished-patch", Level: Must, Basis: Table, Feature: FeatureUploadChunked, Profile: ProfileDockerV2,
		Section: "errors-1", Since: SinceDockerV2,
		Statement: "Answers 404 with BLOB_UPLOAD_UNKNOWN to a PATCH to a finished upload.",
	}
	DockerUploadFinishedPut = Requirement{
		ID: "docker.upload.finished-put", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "errors-1", Since: SinceDockerV2,
		Statement: "Answers 404 with BLOB_UPLOAD_UNKNOWN to a PUT to a finished upload.",
	}
	DockerUploadUnknown = Requirement{
		ID: "docker.upload.unknown", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "errors-1", Since: SinceDockerV2,
		Statement: "Answers 404 with BLOB_UPLOAD_UNKNOWN or BLOB_UPLOAD_INVALID to a request for an upload that was never opened.",
	}
	DockerBlobEmpty = Requirement{
		ID: "docker.blob.empty", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "get-blob", Since: SinceDockerV2,
		Statement: "Stores and serves a blob of no bytes.",
	}
	DockerBlobNulBytes = Requirement{
		ID: "docker.blob.nul-bytes", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "get-blob", Since: SinceDockerV2,
		Statement: "Stores and serves a blob of 1024 NUL bytes.",
	}
	DockerBlobHead = Requirement{
		ID: "docker.blob.head", Level: Must, Basis: Implied, Feature: FeatureDockerV2, Profile: ProfileDockerV2,
		Section: "existing-layers", Since: SinceDockerV2,
		Statement: "Sends Content-Length and Docker-Content-Digest with the 200 to a HEAD of a blob.",
	}
	DockerBlobUnknown = Requirement{
		ID: "docker.blob.unknown", Level: Must, Basis: Table, Feature: FeaturePull, Profile: ProfileDockerV2,
		Section: "get-blob", Since: SinceDockerV2,
		Statement: "Answers 404 with BLOB_UNKNOWN to a GET of a blob that the repository doesn't hold.",
	}
	DockerBlobDigestInvalid = Requirement{
		ID: "docker.blob.digest-invalid", Level: Must, Basis: Table, Feature: FeaturePull, Profile: ProfileDockerV2,
		Section: "get-blob", Since: SinceDockerV2,
		Statement: "Answers 400 with DIGEST_INVALID to a GET of a blob by a digest of an unknown algorithm.",
	}
	DockerBlobDelete = Requirement{
		ID: "docker.blob.delete", Level: Must, Basis: Table, Feature: FeatureDeleteBlob, Profile: ProfileDockerV2,
		Section: "deleting-a-layer", Since: SinceDockerV2,
		Statement: "Answers 202 to a DELETE of a blob that the repository holds.",
	}
	DockerBlobDeleted = Requirement{
		ID: "docker.blob.deleted", Level: Must, Basis: Table, Feature: FeatureDeleteBlob, Profile: ProfileDockerV2,
		Section: "get-blob", Since: SinceDockerV2,
		Statement: "Answers 404 to a GET and to a HEAD of a blob that was deleted.",
	}
	DockerBlobDeleteUnknown = Requirement{
		ID: "docker.blob.delete-unknown", Level: Must, Basis: Table, Feature: FeatureDeleteBlob, Profile: ProfileDockerV2,
		Section: "deleting-a-layer", Since: SinceDockerV2,
		Statement: "Answers 404 with BLOB_UNKNOWN to a DELETE of a blob that was deleted or never there, unless blob deletion is disabled.",
	}
	DockerBlobPushAgain = Requirement{
		ID: "docker.blob.push-again", Level: Must, Basis: Table, Feature: FeatureDeleteBlob, Profile: ProfileDockerV2,
		Section: "get-blob", Since: SinceDockerV2,
		Statement: "Stores and serves a blob that is pushed again after it was deleted.",
	}
	DockerBlobDeleteRefused = Requirement{
		ID: "docker.blob.delete-refused", Level: Must, Basis: Table, Feature: FeatureCore, Profile: ProfileDockerV2,
		Section: "delete-blob", Since: SinceDockerV2,
		Statement: "Answers 405 with UNSUPPORTED to a DELETE of a blob if blob deletion is disabled, and goes on serving it.",
	}
	DockerMountCreated = Requirement{
		ID: "docker.mount.created", Level: Must, Basis: Table, Feature: FeatureMount, Profile: ProfileDockerV2,
		Section: "cross-repository-blob-mount", Since: SinceDockerV2,
		Statement: "Answers 201 with a Location to a POST that mounts a blob from another repository and needs no upload.",
	}
	DockerMountDigestHeader = Requirement{
		ID: "docker.mount.digest-header", Level: Must, Basis: Implied, Feature: FeatureMount, Profile: ProfileDockerV2,
		Section: "cross-repository-blob-mount", Since: SinceDockerV2,
		Statement: "Sends Docker-Content-Digest with the 201 to a mount.",
	}
	DockerMountFallback = Requirement{
		ID: "docker.mount.fallback", Level: Must, Basis: Implied, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "cross-repository-blob-mount", Since: SinceDockerV2,
		Statement: "Answers 202 with the Location of an upload to a mount that it can't do, or 400 if its name or digest is malformed.",
	}
	DockerManifestSchema2 = Requirement{
		ID: "docker.manifest.schema2", Level: Must, Basis: Table, Feature: FeatureDockerV2, Profile: ProfileDockerV2,
		Section: "get-manifest", Since: SinceDockerV2,
		Statement: "Returns a schema 2 image manifest byte for byte, by tag and by digest, with its own media type.",
	}
	DockerManifestList = Requirement{
		ID: "docker.manifest.list", Level: Must, Basis: Table, Feature: FeatureDockerV2, Profile: ProfileDockerV2,
		Section: "get-manifest", Since: SinceDockerV2,
		Statement: "Returns a manifest list byte for byte, by tag and by digest, with its own media type.",
	}
	DockerManifestCreated = Requirement{
		ID: "docker.manifest.created", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "put-manifest", Since: SinceDockerV2,
		Statement: "Answers 201 with a Location and Docker-Content-Digest to a PUT of a manifest that it stored.",
	}
	DockerManifestHead = Requirement{
		ID: "docker.manifest.head", Level: Must, Basis: Implied, Feature: FeatureDockerV2, Profile: ProfileDockerV2,
		Section: "existing-manifests", Since: SinceDockerV2,
		Statement: "Sends Content-Length and Docker-Content-Digest with the 200 to a HEAD of a manifest.",
	}
	DockerManifestUnknown = Requirement{
		ID: "docker.manifest.unknown", Level: Must, Basis: Table, Feature: FeaturePull, Profile: ProfileDockerV2,
		Section: "pulling-an-image-manifest", Since: SinceDockerV2,
		Statement: "Answers 404 with MANIFEST_UNKNOWN, or NAME_UNKNOWN for want of the repository, to a GET of a manifest that it doesn't hold.",
	}
	DockerManifestInvalid = Requirement{
		ID: "docker.manifest.invalid", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "put-manifest", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_INVALID to a PUT of a body that is no manifest.",
	}
	DockerManifestBlobUnknown = Requirement{
		ID: "docker.manifest.blob-unknown", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfileDockerV2,
		Section: "put-manifest", Since: SinceDockerV2,
		Statement: "Reports BLOB_UNKNOWN or MANIFEST_BLOB_UNKNOWN once for each missing blob when it refuses a manifest with 400 for blobs that it doesn't hold.",
	}
	DockerManifestTypeMismatch = Requirement{
		ID: "docker.manifest.type-mismatch", Level: Must, Basis: Implied, Feature: FeatureDockerV2, Profile: ProfileDockerV2,
		Section: "pushing-an-image-manifest", Since: SinceDockerV2,
		Statement: "Refuses a manifest that is pushed with another type than the one it tells.",
	}
	DockerManifestConfused = Requirement{
		ID: "docker.manifest.confused", Level: Must, Basis: Implied, Feature: FeatureDockerV2, Profile: ProfileDockerV2,
		Section: "pushing-an-image-manifest", Since: SinceDockerV2,
		Statement: "Refuses an image that has manifests as well, and a list that has layers.",
	}
	DockerManifestDelete = Requirement{
		ID: "docker.manifest.delete", Level: Must, Basis: Table, Feature: FeatureDeleteManifest, Profile: ProfileDockerV2,
		Section: "deleting-an-image", Since: SinceDockerV2,
		Statement: "Answers 202 to a DELETE of a manifest by digest, which is then answered with 404.",
	}
	DockerManifestDeleteUnknown = Requirement{
		ID: "docker.manifest.delete-unknown", Level: Must, Basis: Table, Feature: FeatureDeleteManifest, Profile: ProfileDockerV2,
		Section: "deleting-an-image", Since: SinceDockerV2,
		Statement: "Answers 404 with MANIFEST_UNKNOWN to a DELETE of a manifest that was deleted or never there, unless manifest deletion is disabled.",
	}
	DockerManifestDeleteRefused = Requirement{
		ID: "docker.manifest.delete-refused", Level: Must, Basis: Table, Feature: FeatureCore, Profile: ProfileDockerV2,
		Section: "delete-manifest", Since: SinceDockerV2,
		Statement: "Answers 405 with UNSUPPORTED to a DELETE of a manifest if manifest deletion is disabled, and goes on serving it.",
	}
	DockerTagsList = Requirement{
		ID: "docker.tags.list", Level: Must, Basis: Table, Feature: FeatureTags, Profile: ProfileDockerV2,
		Section: "listing-image-tags", Since: SinceDockerV2,
		Statement: "Answers 200 with a JSON object of name and tags, as application/json, to a GET of a tag list.",
	}
	DockerTagsUnknown = Requirement{
		ID: "docker.tags.unknown", Level: Must, Basis: Table, Feature: FeatureTags, Profile: ProfileDockerV2,
		Section: "get-tags", Since: SinceDockerV2,
		Statement: "Answers 404 with NAME_UNKNOWN to a GET of the tag list of a repository that doesn't exist.",
	}
	DockerTagsPage = Requirement{
		ID: "docker.tags.page", Level: Must, Basis: Implied, Feature: FeatureTags, Profile: ProfileDockerV2,
		Section: "pagination-1", Since: SinceDockerV2,
		Statement: "Pages a tag list by n and last in lexical order and sends a Link with the relation next while more follow.",
	}
	DockerCatalogList = Requirement{
		ID: "docker.catalog.list", Level: Must, Basis: Table, Feature: FeatureCatalog, Profile: ProfileDockerV2,
		Section: "listing-repositories", Since: SinceDockerV2,
		Statement: "Answers 200 with a JSON object of repositories, as application/json, to a GET of /v2/_catalog.",
	}
	DockerCatalogOrder = Requirement{
		ID: "docker.catalog.order", Level: Must, Basis: Implied, Feature: FeatureCatalog, Profile: ProfileDockerV2,
		Section: "pagination", Since: SinceDockerV2,
		Statement: "Lists repositories in lexical order.",
	}
	DockerCatalogPage = Requirement{
		ID: "docker.catalog.page", Level: Must, Basis: Table, Feature: FeatureCatalog, Profile: ProfileDockerV2,
		Section: "get-catalog", Since: SinceDockerV2,
		Statement: "Returns at most n repositories when n is given.",
	}
	DockerCatalogLink = Requirement{
		ID: "docker.catalog.link", Level: Must, Basis: Table, Feature: FeatureCatalog, Profile: ProfileDockerV2,
		Section: "get-catalog", Since: SinceDockerV2,
		Statement: "Sends a Link with the relation next as long as more repositories follow, and none once all have been listed.",
	}
	DockerCatalogLast = Requirement{
		ID: "docker.catalog.last", Level: Must, Basis: Implied, Feature: FeatureCatalog, Profile: ProfileDockerV2,
		Section: "pagination", Since: SinceDockerV2,
		Statement: "Lists the repositories that follow last, and not last itself.",
	}
)

func dockerChapter() []Requirement {
	return []Requirement{
		DockerBaseOk,
		DockerBaseVersionHeader,
		DockerErrorsForm,
		DockerNameInvalid,
		DockerUploadCreate,
		DockerUploadCreateRange,
		DockerUploadCreateUuid,
		DockerUploadStatus,
		DockerUploadStatusLocation,
		DockerUploadStatusRange,
		DockerUploadStatusUuid,
		DockerUploadPatch,
		DockerUploadPatchUuid,
		DockerUploadOutOfOrder,
		DockerUploadOutOfOrderStatus,
		DockerUploadRangeForm,
		DockerUploadResume,
		DockerUploadComplete,
		DockerUploadCompleteDigest,
		DockerUploadDigestMissing,
		DockerUploadDigestMismatch,
		DockerUploadCancel,
		DockerUploadCancelledGet,
		DockerUploadCancelledPatch,
		DockerUploadCancelledPut,
		DockerUploadCancelledDelete,
		DockerUploadFinishedGet,
		DockerUploadFinishedPatch,
		DockerUploadFinishedPut,
		DockerUploadUnknown,
		DockerBlobEmpty,
		DockerBlobNulBytes,
		DockerBlobHead,
		DockerBlobUnknown,
		DockerBlobDigestInvalid,
		DockerBlobDelete,
		DockerBlobDeleted,
		DockerBlobDeleteUnknown,
		DockerBlobPushAgain,
		DockerBlobDeleteRefused,
		DockerMountCreated,
		DockerMountDigestHeader,
		DockerMountFallback,
		DockerManifestSchema2,
		DockerManifestList,
		DockerManifestCreated,
		DockerManifestHead,
		DockerManifestUnknown,
		DockerManifestInvalid,
		DockerManifestBlobUnknown,
		DockerManifestTypeMismatch,
		DockerManifestConfused,
		DockerManifestDelete,
		DockerManifestDeleteUnknown,
		DockerManifestDeleteRefused,
		DockerTagsList,
		DockerTagsUnknown,
		DockerTagsPage,
		DockerCatalogList,
		DockerCatalogOrder,
		DockerCatalogPage,
		DockerCatalogLink,
		DockerCatalogLast,
	}
}
