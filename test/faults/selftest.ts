/**
 * Honesty: for each oracle a broken operator that trips it.
 */
import type { CampaignOptions } from './coordinator.ts';

export async function selftest(_options: CampaignOptions): Promise<number> {
  return 1;
}
