/** A frame as a signature sees it. */
export interface KeyedFrame {
  readonly key: string;
  readonly kept: boolean;
  readonly why: string;
}

export const kept = (key: string, why: string): KeyedFrame => ({ key, kept: true, why });
export const dropped = (key: string, why: string): KeyedFrame => ({ key, kept: false, why });
