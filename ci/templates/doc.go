// Package templates holds tests alone: the scripts in ci/action.yml and
// ci/gitlab.yml are run as a CI would run them, against a real registry, and
// the image of ci/Dockerfile is built and started.
package templates
