// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// retryOn is the parsed form of RetryOn.
type retryOn struct {
	connect, empty, junk, timeout bool
	statuses                      map[int]bool
}

// RetryableStatuses are the statuses allowed in RetryOn.
var RetryableStatuses = []int{401, 403, 404, 408, 421, 425, 429, 500, 501, 502, 503, 504}

var retryWords = []string{"none", "conn_failure", "empty_response", "junk_response", "response_timeout", "all_retryable_errors"}

func parseRetryOn(words []string) (on retryOn, err error) {
	if len(words) == 0 {
		return retryOn{connect: true}, nil
	}
	on.statuses = make(map[int]bool)
	for _, word := range words {
		if word == "none" && len(words) > 1 {
			return on, fmt.Errorf("retry_on: %q: expected it alone", word)
		}
		if err := on.add(word); err != nil {
			return on, fmt.Errorf("retry_on: %w", err)
		}
	}
	return on, nil
}

// add adds a failure or a status to retry on.
func (on *retryOn) add(word string) error {
	switch word {
	case "none":
	case "conn_failure":
		on.connect = true
	case "empty_response":
		on.empty = true
	case "junk_response":
		on.junk = true
	case "response_timeout":
		on.timeout = true
	case "all_retryable_errors":
		on.connect, on.empty, on.junk, on.timeout = true, true, true, true
		on.statuses[500], on.statuses[502], on.statuses[503], on.statuses[504] = true, true, true, true
	default:
		status, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("unknown word %q%s", word, options.Suggest(word, retryWords))
		}
		if !slices.Contains(RetryableStatuses, status) {
			return fmt.Errorf("%d: expected one of %s", status, strings.Trim(fmt.Sprint(RetryableStatuses), "[]"))
		}
		on.statuses[status] = true
	}
	return nil
}

// mayReplay reports whether a request that has reached a server may be sent again after some
// failure.
func (on *retryOn) mayReplay() bool { return on.empty || on.junk || on.timeout || len(on.statuses) > 0 }

// allows reports whether a request that has reached a server may be sent again after this failure.
func (on *retryOn) allows(failed error) bool {
	var timeout net.Error
	switch {
	case errors.As(failed, new(*statusError)):
		return true
	case errors.As(failed, &timeout) && timeout.Timeout():
		return on.timeout
	case errors.Is(failed, io.EOF), errors.Is(failed, io.ErrUnexpectedEOF), errors.Is(failed, syscall.ECONNRESET), errors.Is(failed, syscall.EPIPE),
		strings.Contains(failed.Error(), "server closed idle connection"):
		return on.empty
	default:
		return on.junk
	}
}

// statusError is the error of a response with a status to retry on.
type statusError struct{ status int }

func (e *statusError) Error() string { return fmt.Sprintf("the server has answered %d", e.status) }
