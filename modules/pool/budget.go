// SPDX-License-Identifier: Apache-2.0

package pool

import "time"

// RetryBudget limits the retries of a backend: all connect attempts except the first of each
// connection, to any server. HAProxy has no equivalent.
type RetryBudget struct {
	// Percent is the number of retries allowed per 100 connections that got a server, both within the
	// last ten seconds.
	Percent int
	// MinPerSecond is the number of additional retries allowed in each second, even with few
	// connections.
	MinPerSecond int
}

// budgetSeconds is the length of the window in seconds.
const budgetSeconds = 10

// attemptCounts counts first attempts and retries per second. Seconds are counted from the first
// attempt on; the window is the current second and the nine before it.
type attemptCounts struct {
	began   time.Time
	second  int64 // the current one
	firsts  window
	retries window // without those that MinPerSecond allows
	extra   int    // retries of the current second under MinPerSecond
}

// window holds one count per second, and their sum.
type window struct {
	counts [budgetSeconds]uint64 // by second modulo budgetSeconds
	sum    uint64
}

// add counts one event in a second.
func (w *window) add(second int64) {
	w.counts[second%budgetSeconds]++
	w.sum++
}

// clear drops the old second whose slot this second reuses.
func (w *window) clear(second int64) {
	w.sum -= w.counts[second%budgetSeconds]
	w.counts[second%budgetSeconds] = 0
}

// advance moves the window to a time, which never goes backwards.
func (a *attemptCounts) advance(now time.Time) {
	if a.began.IsZero() {
		a.began = now
	}
	second := int64(now.Sub(a.began) / time.Second)
	if second <= a.second {
		return
	}
	for s := max(a.second+1, second-budgetSeconds+1); s <= second; s++ {
		a.firsts.clear(s)
		a.retries.clear(s)
	}
	a.second, a.extra = second, 0
}

// first counts the first attempt of a connection.
func (a *attemptCounts) first(now time.Time) {
	a.advance(now)
	a.firsts.add(a.second)
}

// retry reports whether the budget allows another retry, and counts it if so.
func (a *attemptCounts) retry(now time.Time, budget RetryBudget) bool {
	a.advance(now)
	if a.extra < budget.MinPerSecond {
		a.extra++
		return true
	}
	if (a.retries.sum+1)*100 > a.firsts.sum*uint64(budget.Percent) {
		return false
	}
	a.retries.add(a.second)
	return true
}

// TakeRetry takes one retry from the backend's budget, and reports whether there was one left.
// Without a budget it returns true. The budget is that of the configuration that serves; the counts
// survive a reload.
func (p *Pool) TakeRetry() bool {
	b := p.lock()
	defer b.unlock()
	serving := b.pool
	if serving == nil {
		serving = p
	}
	return serving.retryBudget == nil || b.attempts.retry(time.Now(), *serving.retryBudget)
}
