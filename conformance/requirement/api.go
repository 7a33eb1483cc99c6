package requirement

// What holds for the API as a whole: the base endpoint, the categories, names of repositories.
var (
	ApiBaseOk = Requirement{
		ID: "api.base.ok", Level: Must, Basis: Implied, Feature: FeatureCore, Profile: ProfilePull,
		Section: "determining-support", Since: Since10, Row: "182",
		Statement: "Answers 200 to a GET of /v2/, once any login that it asks for is done.",
	}
	ApiBaseLogin = Requirement{
		ID: "api.base.login", Level: May, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "determining-support", Since: Since10, Row: "183",
		Statement: "Answers a GET of /v2/ without credentials with 200, or asks for a login there with 401.",
	}
	ApiCategoriesPull = Requirement{
		ID: "api.categories.pull", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "requirements", Since: Since10, Row: "6",
		Statement: "Serves every API of the pull category: /v2/, and GET and HEAD of manifests and of blobs.",
	}
	ApiCategoriesOther = Requirement{
		ID: "api.categories.other", Level: Should, Basis: Text, Feature: FeatureCore, Profile: ProfileFull,
		Section: "requirements", Since: Since10, Row: "7",
		Statement: "Serves the push, content discovery and content management categories beside pull.",
	}
	ApiCategoriesClaimed = Requirement{
		ID: "api.categories.claimed", Level: Must, Basis: Text, Feature: FeatureCore, Profile: ProfileFull,
		Section: "requirements", Since: Since10, Row: "8",
		Statement: "Implements every API of each category that its vendor claims.",
	}
	ApiHeadersDocker = Requirement{
		ID: "api.headers.docker", Level: May, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "legacy-docker-support-http-headers", Since: Since10, Row: "2",
		Statement: "Sends headers peculiar to Docker, such as Docker-Content-Digest and Docker-Distribution-API-Version, or leaves them out.",
	}
	ApiNameGrammar = Requirement{
		ID: "api.name.grammar", Level: Must, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since10, Row: "12",
		Statement: "Takes repository names by the name grammar: a request with a name outside it never succeeds, and one inside it is not refused as malformed.",
	}
)

func apiChapter() []Requirement {
	return []Requirement{
		ApiBaseOk,
		ApiBaseLogin,
		ApiCategoriesPull,
		ApiCategoriesOther,
		ApiCategoriesClaimed,
		ApiHeadersDocker,
		ApiNameGrammar,
	}
}
