// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// Every outcome but a hello, a client that has left and a pending inspection has a reason, whose
// word is the outcome's name.
func TestEveryOutcomeHasReason(t *testing.T) {
	for outcome := clienthello.Pending; outcome.String() != "unknown"; outcome++ {
		r, ok := reasonOf[outcome]
		switch outcome {
		case clienthello.Pending, clienthello.Found, clienthello.ClientLeft:
			if ok {
				t.Errorf("%v has a word", outcome)
			}
		default:
			if named, known := Reasons[outcome.String()]; !ok || !known || named != r {
				t.Errorf("%v has no word", outcome)
			}
		}
	}
	if len(Reasons) != int(reasonCount) {
		t.Errorf("%d words for %d reasons", len(Reasons), reasonCount)
	}
}
