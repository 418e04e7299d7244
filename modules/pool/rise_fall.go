// SPDX-License-Identifier: Apache-2.0

package pool

// riseFall is HAProxy's measure of health: a value from 0 to rise+fall-1; the server is up from
// rise on. A failure that takes the value below rise takes it to 0, a success that takes it to rise
// takes it to the top.
type riseFall struct{ value, rise, fall int }

func (c *riseFall) up() bool { return c.value >= c.rise }

func (c *riseFall) top() int { return c.rise + c.fall - 1 }

// pass counts a success and reports whether that changed anything.
func (c *riseFall) pass() bool {
	if c.value == c.top() {
		return false
	}
	if c.value++; c.up() {
		c.value = c.top()
	}
	return true
}

// fail counts a failure and reports whether that changed anything.
func (c *riseFall) fail() bool {
	if c.value == 0 {
		return false
	}
	if c.value--; !c.up() {
		c.value = 0
	}
	return true
}

// reset sets the counter to an initial state.
func (c *riseFall) reset(i InitState) {
	switch i {
	case InitUp:
		c.value = c.rise
	case InitFullyUp:
		c.value = c.top()
	case InitDown:
		c.value = c.rise - 1
	case InitFullyDown:
		c.value = 0
	}
}

// set changes rise and fall, and keeps the count as far as the new bounds allow.
func (c *riseFall) set(rise, fall int) {
	switch was := *c; {
	case !was.up():
		c.value = min(was.value, rise-1)
	case was.value == was.top():
		c.value = rise + fall - 1
	default:
		c.value = rise + min(was.value-was.rise, fall-1)
	}
	c.rise, c.fall = rise, fall
}

// shown returns the counter as HAProxy shows it: the steps above rise out of fall while up, or the
// successes out of rise while down.
func (c *riseFall) shown() (value, of int) {
	if c.up() {
		return c.value - c.rise + 1, c.fall
	}
	return c.value, c.rise
}
