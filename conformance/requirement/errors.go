package requirement

// Bodies of 4xx answers, and warnings.
var (
	ErrorsBodyAny = Requirement{
		ID: "errors.body.any", Level: May, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "error-codes", Since: Since10, Row: "191",
		Statement: "Sends a body of any format, or none, with a 4xx answer.",
	}
	ErrorsBodyForm = Requirement{
		ID: "errors.body.form", Level: Must, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "error-codes", Since: Since10, Row: "192",
		Statement: "Gives a JSON body of a 4xx answer the form of an object with a list of errors.",
	}
	ErrorsCodeForm = Requirement{
		ID: "errors.code.form", Level: Must, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "error-codes", Since: Since10, Row: "193",
		Statement: "Writes the code of an error in upper-case letters and underscores only.",
	}
	ErrorsMessageForm = Requirement{
		ID: "errors.message.form", Level: Should, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "error-codes", Since: Since10, Row: "194",
		Statement: "Gives an error a message, which is then a readable text or an empty one, or leaves it out.",
	}
	ErrorsDetailForm = Requirement{
		ID: "errors.detail.form", Level: May, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "error-codes", Since: Since10, Row: "195",
		Statement: "Gives an error a detail, which is then any JSON, or leaves it out.",
	}
	ErrorsCodeListed = Requirement{
		ID: "errors.code.listed", Level: Must, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "error-codes", Since: Since10, Row: "196",
		Statement: "Uses only the listed error codes in the JSON body of a 4xx answer, or those left from Docker's schema 1.",
	}
	ErrorsWarningGiven = Requirement{
		ID: "errors.warning.given", Level: May, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "warnings", Since: Since11, Row: "197",
		Statement: "Sends Warning headers or none.",
	}
	ErrorsWarningCode = Requirement{
		ID: "errors.warning.code", Level: Must, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "warnings", Since: Since11, Row: "198",
		Statement: "Gives each Warning header the code 299.",
	}
	ErrorsWarningAgent = Requirement{
		ID: "errors.warning.agent", Level: Must, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "warnings", Since: Since11, Row: "199",
		Statement: "Gives each Warning header a hyphen as its agent.",
	}
	ErrorsWarningDate = Requirement{
		ID: "errors.warning.date", Level: Must, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "warnings", Since: Since11, Row: "200",
		Statement: "Sends no date in a Warning header.",
	}
	ErrorsWarningSize = Requirement{
		ID: "errors.warning.size", Level: Must, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "warnings", Since: Since11, Row: "201",
		Statement: "Sends no more than 4096 bytes of warnings with one answer, all headers together.",
	}
)

func errorsChapter() []Requirement {
	return []Requirement{
		ErrorsBodyAny,
		ErrorsBodyForm,
		ErrorsCodeForm,
		ErrorsMessageForm,
		ErrorsDetailForm,
		ErrorsCodeListed,
		ErrorsWarningGiven,
		ErrorsWarningCode,
		ErrorsWarningAgent,
		ErrorsWarningDate,
		ErrorsWarningSize,
	}
}
