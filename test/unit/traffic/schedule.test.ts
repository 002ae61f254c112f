import { describe, expect, it } from 'vitest';
import { Schedule } from '../../support/traffic/schedule.ts';

describe('Schedule', () => {
  it('runs what is due, in the order of time, once, and never early', () => {
    const schedule = new Schedule(1_000);
    const ran: string[] = [];
    schedule.at(1_205, () => ran.push('second'));
    schedule.at(1_050, () => ran.push('first'));

    schedule.run(1_204);
    expect(ran).toEqual(['first']);
    schedule.run(1_210);
    schedule.run(1_300);
    expect(ran).toEqual(['first', 'second']);
  });

  it('runs an action for a time that has passed in the next run', () => {
    const schedule = new Schedule(1_000);
    schedule.run(5_000);
    let ran = 0;
    schedule.at(2_000, () => ran++);
    schedule.run(5_010);
    expect(ran).toBe(1);
  });

  it('lets an action plan its successor', () => {
    const schedule = new Schedule(0);
    const ran: number[] = [];
    const again = (time: number) => () => {
      ran.push(time);
      schedule.at(time + 100, again(time + 100));
    };
    schedule.at(100, again(100));
    schedule.run(350);
    expect(ran).toEqual([100, 200, 300]);
  });

  it('says how late the oldest action was', () => {
    const schedule = new Schedule(0);
    schedule.at(100, () => {});
    schedule.at(400, () => {});
    expect(schedule.run(450)).toBe(350);
    expect(schedule.run(900)).toBe(0);
  });
});
