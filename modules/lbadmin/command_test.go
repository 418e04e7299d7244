// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var printed strings.Builder
		answers := []Sessions{{Count: 9}, {Count: 3, Stopping: true, SecondsLeft: new(29.6)}, {Count: 3, Stopping: true}, {Count: 2, Stopping: true}, {Stopping: true}}
		reportProgress(&printed, nil, func() (s Sessions, err error) {
			if len(answers) == 0 {
				return s, errors.New("gone")
			}
			s, answers = answers[0], answers[1:]
			return s, nil
		})
		if want := "waiting for 3 connections to finish, for at most 30 s\nwaiting for 2 connections to finish\n"; printed.String() != want {
			t.Errorf("printed %q, want %q", printed.String(), want)
		}

		printed.Reset()
		over, began := make(chan struct{}), time.Now()
		time.AfterFunc(2*repeatEvery+askEvery/2, func() { close(over) })
		reportProgress(&printed, over, func() (Sessions, error) { return Sessions{Count: 1, Stopping: true}, nil })
		if n := strings.Count(printed.String(), "\n"); n != 2 || time.Since(began) > 3*repeatEvery {
			t.Errorf("the same number was printed %d times in %v", n, time.Since(began))
		}
	})
}

func TestSessions(t *testing.T) {
	if got := show[Sessions](t, sessionsPath); !cmp.Equal(got, Sessions{}) {
		t.Errorf("without connections: %+v", got)
	}
	if status, text := ask(t, http.MethodPost, sessionsPath, ""); status != http.StatusMethodNotAllowed || !strings.Contains(text, "method POST: expected GET or DELETE") {
		t.Errorf("POST: %d %s", status, text)
	}
}
