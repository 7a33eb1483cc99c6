package registry

import "fmt"

// CheckDescriptor reports what of desc is malformed: a digest that isn't one
// or names an unknown algorithm, a negative size, or no media type (image
// specification, "OCI Content Descriptors", properties). The error says so in
// a sentence and has no code, since that depends on where desc was found.
func CheckDescriptor(desc Descriptor) error {
	switch err := validate(desc.Digest); {
	case desc.MediaType == "":
		return fmt.Errorf("descriptor %.200q has no mediaType", desc.Digest)
	case err != nil:
		return fmt.Errorf("descriptor digest %.200q: %w", desc.Digest, err)
	case desc.Size < 0:
		return fmt.Errorf("descriptor %s has the size %d", desc.Digest, desc.Size)
	}
	return nil
}
