// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// Every outcome that is not a hello, a client that stays and a verdict has a
// word of its own, and that word is the outcome's name.
func TestEveryOutcomeHasAWord(t *testing.T) {
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
