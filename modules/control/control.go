// SPDX-License-Identifier: Apache-2.0

// Package control shows and changes the load balancer at run time, for the admin endpoint,
// HAProxy's socket, the commands and the status page. It reads the state of the process for each
// call, whatever configuration runs, keeps none of its own, and is safe for concurrent use.
package control

import (
	"errors"
	"fmt"
	"net/http"
)

// Errors of this package wrap one of these.
var (
	// ErrUnknown means that nothing has the name, the number or the key.
	ErrUnknown = errors.New("not found")
	// ErrInvalid means that a value is not allowed.
	ErrInvalid = errors.New("invalid value")
	// ErrConflict means that the present state does not allow the change.
	ErrConflict = errors.New("not possible now")
)

// HTTPStatus returns the status of an answer for an error of this package.
func HTTPStatus(err error) int {
	switch {
	case errors.Is(err, ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, ErrConflict):
		return http.StatusConflict
	default:
		return http.StatusBadRequest
	}
}

// failure is an error with one of the above as its kind, which its text does not repeat.
type failure struct {
	error
	kind error
}

// Unwrap returns the kind and the error.
func (f *failure) Unwrap() []error { return []error{f.kind, f.error} }

// unknown returns an error of the kind ErrUnknown.
func unknown(format string, args ...any) error {
	return &failure{fmt.Errorf(format, args...), ErrUnknown}
}

// invalid returns an error of the kind ErrInvalid.
func invalid(format string, args ...any) error {
	return &failure{fmt.Errorf(format, args...), ErrInvalid}
}

// conflict returns an error of the kind ErrConflict.
func conflict(format string, args ...any) error {
	return &failure{fmt.Errorf(format, args...), ErrConflict}
}
